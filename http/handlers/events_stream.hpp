// The live stream of events as SSE: catch-up and live are one loop over the feed, with one position that only
// grows. No queue: a slow reader costs nothing but its own socket. Runs on the session's strand until the
// client leaves or the server drains.
#pragma once
#include "core/event_filter.hpp"
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// Starts at Last-Event-ID, else at ?after=, else now. A cursor that is none is 400; one of another history or
// beyond the head gets `resync` and goes on from the head. 503 over the bound on streams.
boost::asio::awaitable<void> event_stream(const services& with, const request& asked, responder& answer,
                                          core::event_filter filter);

} // namespace synclog::http::handlers
