// GET /api/admin/events.
#include "eventstore/event_search.hpp"
#include "http/handlers/admin.hpp"
#include "http/handlers/admin_common.hpp"
#include "http/handlers/records_common.hpp"
#include "http/object_text.hpp"
#include "projections/record_reader.hpp"
#include <array>
#include <limits>

namespace synclog::http::handlers {

namespace asio = boost::asio;
namespace pg = eventstore::pg;

namespace {

constexpr std::int64_t usual_limit = 100, max_limit = 1'000;
constexpr std::chrono::seconds search_time{2};

struct search_call {
  eventstore::event_search search;
  core::position upto;
  std::size_t limit = usual_limit;
};

// Where ?from= or ?to= lies.
asio::awaitable<core::result<core::position>> find_end(const services& with, const request& asked,
                                                       std::string_view name) {
  std::string text(*asked.parameter(name));
  const auto which = name == "from" ? edge::first : edge::last;
  auto found = co_await find_edge(with, std::move(text), which, asked.until);
  if (found) co_return *found;
  auto why = found.error();
  why.detail.insert(0, std::string(name) + ": ");
  co_return why;
}

asio::awaitable<core::result<search_call>> read_call(const services& with, const request& asked) {
  constexpr std::array<std::string_view, 8> known{"actor", "request_id", "branch", "resource",
                                                  "from",  "to",         "before", "limit"};
  if (auto why = refuse_unknown_parameters(asked, known)) co_return std::move(*why);
  if (auto why = refuse_repeated_parameters(asked, known)) co_return std::move(*why);
  search_call made;
  made.search.actor = asked.parameter("actor").value_or("");
  made.search.request_id = asked.parameter("request_id").value_or("");
  made.search.branch = asked.parameter("branch").value_or("");
  made.search.entity = asked.parameter("resource").value_or("");
  const auto most = std::numeric_limits<std::int64_t>::max();
  if (const auto text = asked.parameter("limit")) {
    const auto limit = whole_number("limit", *text, 1, max_limit);
    if (!limit) co_return limit.error();
    made.limit = static_cast<std::size_t>(*limit);
  }
  const auto head = co_await with.log.head(asked.until);
  made.upto = head.position;
  if (asked.parameter("to")) {
    const auto to = co_await find_end(with, asked, "to");
    if (!to) co_return to.error();
    made.upto = std::min(made.upto, *to);
  }
  if (asked.parameter("from")) {
    const auto from = co_await find_end(with, asked, "from");
    if (!from) co_return from.error();
    made.search.from = std::max(made.search.from, *from);
  }
  if (const auto text = asked.parameter("before")) {
    const auto before = whole_number("before", *text, 1, most);
    if (!before) co_return before.error();
    made.upto = std::min(made.upto, core::position{*before - 1});
  }
  co_return made;
}

void string_or_null(object_text& out, std::string_view name, std::string_view value) {
  if (value.empty())
    out.json(name, "null");
  else
    out.string(name, value);
}

void append_found(std::string& out, const eventstore::found_event& event) {
  object_text one(out);
  one.json("position", std::to_string(event.at.position.value));
  one.string("cursor", core::to_string(event.at));
  one.string("resource", event.entity);
  one.string("action", event.action);
  one.string("id", event.record_id);
  one.json("version", std::to_string(event.version));
  string_or_null(one, "branch", event.branch);
  if (event.previous_branch) string_or_null(one, "previous_branch", *event.previous_branch);
  string_or_null(one, "actor", event.actor);
  string_or_null(one, "request_id", event.request_id);
  string_or_null(one, "user_agent", event.user_agent);
  one.string("recorded_at", core::to_rfc3339(event.recorded_at));
}

asio::awaitable<core::result<response>> answer_events(const services& with, const request& asked) {
  auto call = co_await read_call(with, asked);
  if (!call) co_return call.error();
  eventstore::search_bounds bounds;
  bounds.max_events = call->limit;
  bounds.stop = pg::clock::now() + search_time;
  const auto lowest = call->search.from;
  const auto found = co_await eventstore::search_events(with.records.whole_reads(), std::move(call->search),
                                                        call->upto, bounds, asked.until);
  std::string body = "[";
  for (const auto& event : found.events) {
    if (body.size() > 1) body += ',';
    append_found(body, event);
  }
  body += ']';
  auto made = admin_json(std::move(body));
  if (found.looked_down_to > lowest && call->upto >= lowest)
    made.headers.emplace_back("Link", next_link(asked, "before", std::to_string(found.looked_down_to.value)));
  co_return made;
}

} // namespace

asio::awaitable<void> admin_events(const services& with, const request& asked, responder& answer) {
  auto made = co_await answer_events(with, asked);
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

} // namespace synclog::http::handlers
