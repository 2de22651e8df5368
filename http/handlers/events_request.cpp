// See events_request.hpp.
#include "http/handlers/events_request.hpp"
#include "core/token.hpp"
#include "http/handlers/records_common.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;

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

} // namespace

core::result<core::event_filter> read_event_filter(const services& with, const request& asked) {
  core::event_filter made;
  made.caller = asked.caller;
  made.resources = parameter_values(asked, "resource");
  made.branches = parameter_values(asked, "branch");
  made.ids = parameter_values(asked, "id");
  made.actions = parameter_values(asked, "action");
  for (const auto& name : made.resources)
    if (with.entities.find(name) == nullptr &&
        !(name == core::token_entity && core::sees_token_events(asked.caller)))
      return bad_request(fmt::format("unknown resource '{}'; known: {}", name, known_resources(with)));
  for (const auto& word : made.actions)
    if (!core::event_action_from(word))
      return bad_request(
          fmt::format("unknown action '{}'; known: created, updated, deleted, reverted", word));
  return made;
}

std::string_view stream_cursor(const request& asked) {
  const auto last_seen = asked.header("last-event-id");
  return last_seen.empty() ? asked.parameter("after").value_or("") : last_seen;
}

asio::awaitable<core::result<streams::stream_start>> find_stream_start(const services& with,
                                                                       const request& asked) {
  const auto text = stream_cursor(asked);
  auto start = streams::start_from_now(with);
  if (!text.empty() || asked.parameter("after")) {
    const auto resolved = co_await streams::resolve_start(with, text, asked.until);
    if (!resolved) co_return resolved.error();
    start = *resolved;
  }
  streams::count_start(with, start);
  co_return start;
}

} // namespace synclog::http::handlers
