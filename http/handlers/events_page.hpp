// A page of events as one JSON array, or as a CloudEvents batch. Runs on the session's strand.
#pragma once
#include "core/event_filter.hpp"
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>

namespace synclog::http::handlers {

enum class event_page_form : std::uint8_t { json, cloudevents };

// ?after=<cursor>&limit=n. Ends at the limit, at the head, or when its time or size is used up: Sync-Position
// says how far the log was looked through, and Link: rel="next" goes on from there while the head has not
// been reached. A cursor of another history or beyond the head is 400 and names the head, also in
// Sync-Position: reload, and go on from there.
boost::asio::awaitable<core::result<response>> event_page(const services& with, const request& asked,
                                                          core::event_filter filter, event_page_form form);

} // namespace synclog::http::handlers
