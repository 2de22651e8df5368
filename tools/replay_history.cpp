// synclog replay history: every version of one record, who made it and what it changed.
#include "core/json.hpp"
#include "core/record_history.hpp"
#include "tools/change_lines.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/past_access.hpp"
#include "tools/replay_past.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

namespace synclog::tools {

namespace asio = boost::asio;

namespace {

constexpr eventstore::page_bounds page{.max_events = 500, .max_bytes = 1u << 20};

struct history_options {
  log_options log;
  std::string entity, id;
  bool diff = false, json = false;
};

std::string actor_text(const std::string& token) {
  return token.starts_with('"') ? harmless(core::json::unquote(token)) : "-";
}

void append_lines(std::string& out, const core::history_item& item, bool with_changes) {
  out +=
      fmt::format("v{}  #{}  {}  {}  {}", item.version, item.position.value,
                  core::to_rfc3339(item.recorded_at), core::to_string(item.action), actor_text(item.actor));
  if (item.previous_branch)
    out += fmt::format("  {} → {}", item.previous_branch->empty() ? "-" : harmless(*item.previous_branch),
                       item.branch.empty() ? "-" : harmless(item.branch));
  if (item.erased) out += "  (erased)";
  if (!with_changes && !item.changes.empty()) out += "  " + change_paths(item.changes);
  out.push_back('\n');
  if (with_changes) append_change_lines(out, item.changes);
}

asio::awaitable<int> show_history(const history_options& options, past_access& access) {
  const auto* definition = known_entity(access.entities, options.entity);
  if (definition == nullptr) co_return exit_usage;
  const auto head = co_await access.log.head(statement_deadline());
  core::record_history history(core::scope{});
  std::int64_t after = 0;
  std::string out;
  for (bool more = true; more;) {
    auto entity = definition->name;
    auto id = options.id;
    const auto events = co_await access.past.versions(std::move(entity), std::move(id), after, head.position,
                                                      page, statement_deadline());
    more = !events.empty();
    for (const auto& event : events) {
      const auto item = history.take(event);
      out.clear();
      if (options.json) {
        core::append_history_item(out, *item);
        out.push_back('\n');
      } else {
        append_lines(out, *item, options.diff);
      }
      fmt::print("{}", out);
      after = event.version;
    }
  }
  if (after > 0) co_return exit_ok;
  fmt::print(stderr, "synclog: no record of {} ever had the id {}\n", definition->name, harmless(options.id));
  co_return exit_failure;
}

} // namespace

void add_replay_history(CLI::App& replay, run_command& chosen) {
  const auto options = std::make_shared<history_options>();
  auto* history =
      replay.add_subcommand("history", "Shows every version of one record: who changed what and when");
  add_log_options(*history, options->log);
  history->add_option("ENTITY", options->entity, "its entity")->required();
  history->add_option("ID", options->id, "its id")->required();
  history->add_flag("--diff", options->diff, "with the values before and after");
  history->add_flag("--json", options->json, "one JSON object a line, with the changes");
  history->callback([options, &chosen] {
    chosen = [options] {
      const auto work = [options](past_access& access) { return show_history(*options, access); };
      return run_on_past(options->log, "synclog replay history", work);
    };
  });
}

} // namespace synclog::tools
