// Where a stream starts in the log: a cursor checked against the history that this server follows. Any
// strand.
#pragma once
#include "core/problem.hpp"
#include "http/services.hpp"
#include "http/streams/subscription.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string_view>

namespace synclog::http::streams {

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
  bool from_now = false;        // no cursor was given
  std::uint64_t generation = 0; // of the feed, before the check
};

// Checks a cursor ("1042-9f3a6c1e", or a bare position) against the log. bad_request when it is no cursor;
// overloaded when this server lags behind the log and does not catch up to the cursor in time. Throws
// pg::unavailable.
boost::asio::awaitable<core::result<stream_start>> resolve_start(const services& with, std::string_view text,
                                                                 eventstore::pg::deadline until);
stream_start start_from_now(const services& with);
// For /metrics.
void count_start(const services& with, const stream_start& start);

subscription_start subscription_start_of(const stream_start& start);

} // namespace synclog::http::streams
