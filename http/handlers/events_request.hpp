// What a request for events asks: the filter, and where it starts in the log. Shared by pages and streams.
#pragma once
#include "core/event_filter.hpp"
#include "core/problem.hpp"
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace synclog::http::handlers {

// resource, branch, id and action, repeatable. bad_request names the known resources and actions.
core::result<core::event_filter> read_event_filter(const services& with, const request& asked);

enum class start_check : std::uint8_t {
  good,
  other_history, // the log has another event at that position: it was restored from an older state, or is
                 // another log
  beyond_head,   // the log does not reach that far
};
std::string_view to_string(start_check found); // "other_history", the word of `resync`

struct stream_start {
  core::cursor at; // the cursor given; when it is not good, the head
  start_check check = start_check::good;
};

// Checks a cursor ("1042-9f3a6c1e", or a bare position) against the log. bad_request when it is no cursor;
// overloaded when this server lags behind the log and does not catch up to the cursor in time. Throws
// pg::unavailable.
boost::asio::awaitable<core::result<stream_start>> resolve_start(const services& with, std::string_view text,
                                                                 eventstore::pg::deadline until);

} // namespace synclog::http::handlers
