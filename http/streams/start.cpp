// See start.hpp.
#include "http/streams/start.hpp"
#include "http/streams/hub.hpp"
#include <algorithm>

namespace synclog::http::streams {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

namespace {

core::problem no_cursor() {
  return core::make_problem(core::problem_code::bad_request,
                            "this is no cursor: cursors look like 1042-9f3a6c1e");
}

// A cursor that another server gave may be ahead of this one's feed for a moment.
asio::awaitable<bool> feed_reaches(const services& with, core::position wanted,
                                   eventstore::pg::deadline until) {
  constexpr std::chrono::seconds patience{5};
  if (with.feed.head().position >= wanted) co_return true;
  with.feed.hint();
  const auto give_up = std::min<clock::time_point>(until, clock::now() + patience);
  const core::position before{wanted.value - 1};
  co_return co_await with.feed.wait_beyond(before, give_up);
}

} // namespace

std::string_view to_string(start_check found) {
  switch (found) {
  case start_check::good:
    return "good";
  case start_check::other_history:
    return "other_history";
  case start_check::beyond_head:
    return "beyond_head";
  }
  core::invariant_broken("start_check out of range");
}

asio::awaitable<core::result<stream_start>> resolve_start(const services& with, std::string_view text,
                                                          eventstore::pg::deadline until) {
  const auto given = core::parse_cursor(text);
  if (!given) co_return no_cursor();
  const auto generation = with.feed.generation();
  const auto head = with.feed.head();
  // Nearly always in memory: who comes back after a restart asks for a place near the head.
  auto known = with.feed.known_cursor(given->position);
  if (!known) known = co_await with.log.cursor_at(given->position, until);
  if (!known) co_return stream_start{head, start_check::beyond_head, false, generation};
  if (given->fingerprint && *given->fingerprint != known->fingerprint)
    co_return stream_start{head, start_check::other_history, false, generation};
  const bool reached = co_await feed_reaches(with, known->position, until);
  if (!reached)
    co_return core::make_problem(core::problem_code::overloaded,
                                 "this server is still catching up with the log");
  co_return stream_start{*known, start_check::good, false, generation};
}

stream_start start_from_now(const services& with) {
  stream_start start{{}, start_check::good, true, with.feed.generation()};
  start.at = with.feed.head();
  return start;
}

void count_start(const services& with, const stream_start& start) {
  auto result = resume_result::resumed;
  if (start.from_now) result = resume_result::from_now;
  if (start.check == start_check::other_history) result = resume_result::other_history;
  if (start.check == start_check::beyond_head) result = resume_result::beyond_head;
  with.streams.counters().starts[static_cast<std::size_t>(result)].fetch_add(1, std::memory_order_relaxed);
}

subscription_start subscription_start_of(const stream_start& start) {
  return {start.at, start.generation, start.check != start_check::good, to_string(start.check)};
}

} // namespace synclog::http::streams
