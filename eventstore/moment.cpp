// See moment.hpp.
#include "eventstore/moment.hpp"

#include <string>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

constexpr std::size_t shortest_time = std::string_view("2026-11-23T04:05:06").size();

} // namespace

core::result<moment> parse_moment(std::string_view text) {
  if (const auto place = core::parse_cursor(text)) return moment(*place);
  std::string time(text);
  if (const auto space = time.find(' ', shortest_time); space != std::string::npos) time[space] = '+';
  if (const auto parsed = core::parse_rfc3339(time)) return moment(*parsed);
  return core::make_problem(core::problem_code::bad_request,
                            "a moment is a position (1042), a cursor (1042-9f3a6c1e) or an RFC 3339 time "
                            "(2026-11-23T04:05:06Z)");
}

asio::awaitable<found_moment> find_moment(log_reader& log, past_reader& past, moment wanted,
                                          pg::deadline until) {
  core::cursor_text place;
  if (const auto* time = std::get_if<core::timestamp>(&wanted)) {
    place.position = co_await past.position_at(*time, until);
  } else {
    place = std::get<core::cursor_text>(wanted);
  }
  const auto known = co_await log.cursor_at(place.position, until);
  using check = found_moment::check;
  if (known && (!place.fingerprint || *place.fingerprint == known->fingerprint))
    co_return found_moment{check::good, *known};
  const auto head = co_await log.head(until);
  co_return found_moment{known ? check::other_history : check::beyond_head, head};
}

} // namespace synclog::eventstore
