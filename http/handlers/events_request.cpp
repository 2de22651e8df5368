// See events_request.hpp.
#include "http/handlers/events_request.hpp"
#include "http/handlers/records_common.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

namespace {

std::string known_resources(const services& with) {
  std::vector<std::string_view> names;
  for (const auto& definition : with.entities.all())
    names.push_back(definition->name);
  return fmt::format("{}", fmt::join(names, ", "));
}

core::problem bad_request(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
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

core::result<core::event_filter> read_event_filter(const services& with, const request& asked) {
  core::event_filter made;
  made.caller = asked.caller;
  made.resources = parameter_values(asked, "resource");
  made.branches = parameter_values(asked, "branch");
  made.ids = parameter_values(asked, "id");
  made.actions = parameter_values(asked, "action");
  for (const auto& name : made.resources)
    if (with.entities.find(name) == nullptr)
      return bad_request(fmt::format("unknown resource '{}'; known: {}", name, known_resources(with)));
  for (const auto& word : made.actions)
    if (!core::event_action_from(word))
      return bad_request(
          fmt::format("unknown action '{}'; known: created, updated, deleted, reverted", word));
  return made;
}

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
  if (!given) co_return bad_request("this is no cursor: cursors look like 1042-9f3a6c1e");
  const auto head = with.feed.head();
  auto known = std::optional<core::cursor>(head);
  if (given->position != head.position) known = co_await with.log.cursor_at(given->position, until);
  if (!known) co_return stream_start{head, start_check::beyond_head};
  if (given->fingerprint && *given->fingerprint != known->fingerprint)
    co_return stream_start{head, start_check::other_history};
  const bool reached = co_await feed_reaches(with, known->position, until);
  if (!reached)
    co_return core::make_problem(core::problem_code::overloaded,
                                 "this server is still catching up with the log");
  co_return stream_start{*known, start_check::good};
}

} // namespace synclog::http::handlers
