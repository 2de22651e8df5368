// A moment of the log as people name it: a position, a cursor, or a time. Thread-safe.
#pragma once
#include "core/event.hpp"
#include "core/problem.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/past_reader.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string_view>
#include <variant>

namespace synclog::eventstore {

using moment = std::variant<core::cursor_text, core::timestamp>;

// "1042", "1042-9f3a6c1e" or RFC 3339. A space instead of a time's plus is taken for it: that is what a query
// string makes of one that was not escaped. bad_request otherwise.
core::result<moment> parse_moment(std::string_view text);

struct found_moment {
  enum class check : std::uint8_t {
    good,
    other_history, // the log has another event at that position
    beyond_head,   // the log does not reach that far
  };
  check what = check::good;
  core::cursor at; // the moment when good; else the head
};

// A time means the last event recorded until then; one to come is the present.
boost::asio::awaitable<found_moment> find_moment(log_reader& log, past_reader& past, moment wanted,
                                                 pg::deadline until);

} // namespace synclog::eventstore
