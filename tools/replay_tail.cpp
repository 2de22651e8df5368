// synclog replay tail: shows the log's events as they happen, straight from the database.
#include "core/entity.hpp"
#include "core/event.hpp"
#include "tools/commands.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_access.hpp"
#include "tools/log_tail.hpp"
#include "tools/run_context.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace synclog::tools {

namespace asio = boost::asio;

namespace {

constexpr int max_limit = 1'000'000'000;

struct tail_command {
  log_options log;
  std::vector<std::string> resources, branches, ids, actions;
  std::string after;
  std::uint64_t limit = 0; // 0 = none
  bool json = false;
  bool no_follow = false;
};

std::string refuse_cursor(const std::string& text) {
  return core::parse_cursor(text) ? "" : "cursors look like 1042-9f3a6c1e, positions like 1042";
}

// https://no-color.org: a variable that is there and not empty.
paint ink_for(const line_output& output) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value != nullptr ? value : "");
  };
  const bool coloured = output.is_terminal() && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  return coloured ? paint::coloured : paint::plain;
}

// A name that nothing has would wait for ever.
bool knows_resources(const core::catalog& entities, const std::vector<std::string>& asked) {
  for (const auto& name : asked) {
    if (entities.find(name) != nullptr) {
      continue;
    }
    std::vector<std::string_view> known;
    for (const auto& definition : entities.all()) {
      known.push_back(definition->name);
    }
    fmt::print(stderr, "synclog: --resource: there is no '{}'; known: {}\n", harmless(name),
               fmt::join(known, ", "));
    return false;
  }
  return true;
}

tail_options options_of(const tail_command& command, const core::catalog& entities,
                        const line_output& output) {
  tail_options made;
  made.filter.resources = command.resources;
  made.filter.branches = command.branches;
  made.filter.ids = command.ids;
  made.filter.actions = command.actions;
  made.form = command.json ? tail_form::json : tail_form::lines;
  made.end = command.no_follow ? tail_end::at_head : tail_end::never;
  if (!command.after.empty()) {
    made.after = core::parse_cursor(command.after);
  } else if (command.no_follow) {
    made.after = core::cursor_text{};
  }
  if (command.limit > 0) {
    made.limit = command.limit;
  }
  made.layout.ink = ink_for(output);
  for (const auto& definition : entities.all()) {
    const auto& names = command.resources;
    if (names.empty() || std::find(names.begin(), names.end(), definition->name) != names.end()) {
      made.layout.resource_width = std::max(made.layout.resource_width, definition->name.size());
    }
  }
  return made;
}

int follow(const tail_command& command, log_access& log) {
  if (!knows_resources(log.entities, command.resources)) {
    return exit_usage;
  }
  // The tail says in its own words, once, what the pool and the feed would log at every attempt.
  spdlog::set_level(spdlog::level::off);
  eventstore::pg::connect_options connect;
  connect.conninfo = log.database.service_conninfo;
  connect.application_name = "synclog replay tail";
  connect.read_only = true;
  const line_output output(STDOUT_FILENO);
  asio::io_context context(1);
  log_tail tail(context, std::move(connect), options_of(command, log.entities, output), output);
  const int code = run_context(context, tail.run(), 1);
  return code != exit_ok ? code : tail.code();
}

int run_tail(const tail_command& command) {
  std::signal(SIGPIPE, SIG_IGN);
  return run_on_log(command.log, [&command](log_access& log) { return follow(command, log); });
}

} // namespace

void add_replay_tail(CLI::App& replay, run_command& chosen) {
  const auto command = std::make_shared<tail_command>();
  auto* tail = replay.add_subcommand(
      "tail", "Shows events as they happen, straight from the database; exit 4 when --after is not of its "
              "history");
  add_log_options(*tail, command->log);
  // One value each time: the next word may be another option's.
  const auto add_filter = [tail](const char* name, std::vector<std::string>& values, const char* words) {
    return tail->add_option(name, values, words)->expected(1)->allow_extra_args(false)->take_all();
  };
  add_filter("--resource", command->resources, "only this resource, repeatable");
  add_filter("--branch", command->branches, "only this branch, before or after the change, repeatable");
  add_filter("--id", command->ids, "only this record, repeatable");
  add_filter("--action", command->actions, "created, updated, deleted or reverted, repeatable")
      ->check(CLI::IsMember({"created", "updated", "deleted", "reverted"}));
  tail->add_option("--after", command->after,
                   "start behind this cursor or position; 0 is the beginning (default: now; with --no-follow "
                   "the beginning)")
      ->check(CLI::Validator(refuse_cursor, ""));
  tail->add_option("--limit", command->limit, "end after so many events")->check(CLI::Range(1, max_limit));
  tail->add_flag("--json", command->json, "one envelope a line, as GET /api/events has it");
  tail->add_flag("--no-follow", command->no_follow, "end at the head instead of waiting for more");
  tail->callback([command, &chosen] { chosen = [command] { return run_tail(*command); }; });
}

} // namespace synclog::tools
