// What a request for events asks: the filter, and where a stream starts. Shared by pages and streams.
#pragma once
#include "core/event_filter.hpp"
#include "core/problem.hpp"
#include "http/message.hpp"
#include "http/services.hpp"
#include "http/streams/start.hpp"
#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>

namespace synclog::http::handlers {

// resource, branch, id and action, repeatable. bad_request names the known resources and actions.
core::result<core::event_filter> read_event_filter(const services& with, const request& asked);

// Where a stream starts: Last-Event-ID beats ?after=; without either it starts now. Counts the result. As
// streams::resolve_start.
boost::asio::awaitable<core::result<streams::stream_start>> find_stream_start(const services& with,
                                                                              const request& asked);
// The cursor that a stream's request names, "" = none.
std::string_view stream_cursor(const request& asked);

} // namespace synclog::http::handlers
