// synclog replay undo: a bad import undone by compensating events, beside a running server too.
#include "core/chain.hpp"
#include "core/json.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/undo.hpp"
#include "migrations/runner.hpp"
#include "projections/layout.hpp"
#include "projections/read_table.hpp"
#include "tools/change_lines.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_access.hpp"
#include "tools/progress_line.hpp"
#include "tools/replay_past.hpp"
#include "tools/run_context.hpp"
#include "tools/stop_signal.hpp"
#include "tools/whole_number.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <spdlog/spdlog.h>

namespace synclog::tools {

namespace asio = boost::asio;
namespace pg = eventstore::pg;

namespace {

using verdict = eventstore::undo_item::verdict;

struct undo_command {
  log_options log;
  eventstore::undo_selection selection;
  eventstore::undo_options options;
  std::int64_t from = 0, to = 0; // 0 = not given
  bool json = false;
};

constexpr std::size_t max_request_id = 128; // as a server takes one

std::string refuse_request_id(const std::string& text) {
  const bool fits = !text.empty() && text.size() <= max_request_id &&
                    std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  return fits ? "" : fmt::format("a request id has 1 to {} visible ASCII characters", max_request_id);
}

// A word as a shell reads it.
std::string shell_word(const std::string& text) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+,=";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) return text;
  std::string made = "'";
  for (const char c : text)
    made += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return made + "'";
}

// The command that goes on: the same events selected, the new ones under the same request id.
std::string command_to_go_on(const undo_command& command, core::position to) {
  std::string made = "synclog replay undo";
  const auto add = [&made](std::string_view option, const std::string& value) {
    if (!value.empty()) made += fmt::format(" {} {}", option, shell_word(value));
  };
  add("--actor", command.selection.actor);
  add("--request", command.selection.request_id);
  add("--entity", command.selection.entity);
  add("--from", command.from > 0 ? std::to_string(command.from) : "");
  if (to.value > 0) add("--to", std::to_string(to.value));
  add("--as", command.options.actor);
  if (!command.options.dry_run) add("--as-request", command.options.request_id);
  add("--entities", command.log.entities_dir);
  add("--data-dir", command.log.database.data_dir);
  if (command.options.force) made += " --force";
  if (command.options.dry_run) made += " --dry-run";
  if (command.json) made += " --json";
  // It may hold a password.
  if (!command.log.database.database_url.empty()) made += "  (with the same --database-url or DATABASE_URL)";
  return made;
}

std::string_view word_of(verdict what, bool dry_run) {
  switch (what) {
  case verdict::undone:
    return dry_run ? "would undo" : "undone";
  case verdict::nothing:
    return "nothing to do";
  case verdict::conflict:
    return "conflict";
  case verdict::refused:
    return "refused";
  }
  return "";
}

void append_item(std::string& out, const eventstore::undo_item& item, const undo_command& command) {
  const auto word = word_of(item.what, command.options.dry_run);
  if (command.json) {
    out += R"({"entity":)";
    core::json::append_string(out, item.entity);
    out += R"(,"id":)";
    core::json::append_string(out, item.record_id);
    out += fmt::format(R"(,"what":"{}","version":{},"restored_version":{})", word, item.version,
                       item.restored_version > 0 ? std::to_string(item.restored_version) : "null");
    if (!item.detail.empty()) {
      out += R"(,"detail":)";
      core::json::append_string(out, item.detail);
    }
    out += R"(,"changes":)";
    core::append_changes(out, item.changes);
    out += "}\n";
    return;
  }
  const auto becomes =
      item.restored_version > 0 ? fmt::format("as v{}", item.restored_version) : std::string("deleted");
  out +=
      fmt::format("{}  {}  {}  v{} → {}", word, item.entity, harmless(item.record_id), item.version, becomes);
  if (!item.detail.empty()) out += "  " + harmless(item.detail);
  out.push_back('\n');
  if (command.options.dry_run && item.what == verdict::undone) append_change_lines(out, item.changes);
}

void print_summary(const eventstore::undo_report& report, const undo_command& command) {
  if (command.json) {
    fmt::print(R"({{"summary":true,"dry_run":{},"undone":{},"nothing":{},"conflicts":{},"refused":{},)"
               R"("stopped":{},"left":{},"cursor":"{}","request_id":)",
               command.options.dry_run, report.undone, report.nothing, report.conflicts, report.refused,
               report.stopped, report.left ? std::to_string(*report.left) : "null",
               core::to_string(report.at));
    fmt::print("{}}}\n", core::json::quoted(command.options.request_id));
    return;
  }
  fmt::print("{} {}, {} with nothing to do, {} conflicts, {} refused", report.undone,
             command.options.dry_run ? "would be undone" : "undone", report.nothing, report.conflicts,
             report.refused);
  if (report.stopped) fmt::print(", {} left", report.left ? std::to_string(*report.left) : "others");
  if (!command.options.dry_run && report.undone > 0)
    fmt::print("; to undo this: --request {}", shell_word(command.options.request_id));
  fmt::print("\n");
}

int code_of(const eventstore::undo_report& report, const undo_command& command) {
  if (report.stopped) {
    fmt::print(stderr, "synclog: stopped; to go on: {}\n", command_to_go_on(command, report.to));
    return exit_failure;
  }
  // Not the same as events that are undone already.
  if (report.records() == 0) {
    fmt::print(stderr, "synclog: no event matches\n");
    return exit_failure;
  }
  return report.conflicts + report.refused > 0 ? exit_difference_found : exit_ok;
}

// What writes must find the read tables made of the very definitions that it writes by.
std::string differing_table(const log_access& opened) {
  pg::plain_connection db(opened.database.service_conninfo, "", "synclog replay undo");
  for (const auto& definition : opened.entities.all()) {
    const auto rows = db.run("SELECT encode(fingerprint, 'hex') FROM synclog.read_tables WHERE entity = $1",
                             {definition->name});
    if (rows.size() == 0 || rows.text(0, 0) != core::to_hex(projections::table_fingerprint(*definition)))
      return definition->name;
  }
  return {};
}

// A committer and what it needs, as a server has them.
struct undo_writer {
  undo_writer(asio::io_context& context, const core::catalog& entities, const pg::connect_options& connect)
      : tables(entities), reads(context.get_executor(), connect, two_connections()), log(reads),
        feed(context.get_executor(), log), writer(context.get_executor(), connect, tables, feed) {}

  static pg::pool_options two_connections() {
    pg::pool_options made;
    made.connections = 2;
    return made;
  }

  projections::read_tables tables;
  pg::pool reads;
  eventstore::log_reader log;
  eventstore::feed feed;
  eventstore::committer writer;
};

class undo_session {
 public:
  undo_session(const undo_command& command, const core::catalog& entities, undo_writer& with)
      : command_(command), entities_(entities), with_(with) {}

  asio::awaitable<void> run() {
    const auto until = pg::clock::now() + std::chrono::seconds(20);
    co_await with_.feed.start(until);
    with_.writer.start();
    auto selection = command_.selection;
    auto options = command_.options;
    const eventstore::undo_listener listener = [this](const eventstore::undo_item& item) { show(item); };
    const eventstore::undo_progress progress = [this](std::int64_t done, std::int64_t total) {
      if (!command_.json) line_.show("events", done, total);
    };
    auto done = co_await eventstore::undo(entities_, with_.reads, with_.log, with_.writer,
                                          std::move(selection), std::move(options), listener, progress);
    line_.close();
    if (done) {
      print_summary(*done, command_);
      std::fflush(stdout);
      code_ = code_of(*done, command_);
    } else {
      code_ = report_problem(done.error());
      fmt::print(stderr, "synclog: what was undone until then stays undone; to go on: {}\n",
                 command_to_go_on(command_, command_.selection.to));
    }
    const auto end = pg::clock::now() + std::chrono::seconds(20);
    co_await with_.writer.drain(end);
    co_await with_.feed.stop();
    co_await with_.reads.stop();
  }

  int code() const { return code_; }

 private:
  void show(const eventstore::undo_item& item) {
    if (item.what == verdict::nothing && !command_.json) return;
    if (item.what == verdict::undone && !command_.json && !command_.options.dry_run) return;
    line_.close();
    std::string out;
    append_item(out, item, command_);
    fmt::print("{}", out);
  }

  const undo_command& command_;
  const core::catalog& entities_;
  undo_writer& with_;
  progress_line line_;
  int code_ = exit_failure;
};

int run_undo(undo_command command) {
  if (command.selection.actor.empty() && command.selection.request_id.empty() && command.from == 0 &&
      command.to == 0) {
    fmt::print(stderr, "synclog: name what to undo: --actor, --request, --from, --to\n");
    return exit_usage;
  }
  command.selection.from = {std::max<std::int64_t>(command.from, 1)};
  command.selection.to = {command.to};
  if (command.to > 0 && command.to < command.from) {
    fmt::print(stderr, "synclog: --to lies before --from\n");
    return exit_usage;
  }
  if (command.options.request_id.empty())
    command.options.request_id = "undo-" + core::to_string(core::make_uuid7());
  command.options.stop = &stop_signal();
  spdlog::set_level(spdlog::level::off);
  const auto work = [&command](log_access& opened) {
    if (!command.selection.entity.empty() && opened.entities.find(command.selection.entity) == nullptr) {
      fmt::print(stderr, "synclog: there is no entity '{}'\n", harmless(command.selection.entity));
      return static_cast<int>(exit_usage);
    }
    if (!command.options.dry_run)
      if (const auto safe = migrations::check_durability(opened.database.service_conninfo); !safe)
        return report_problem(safe.error());
    if (const auto name = differing_table(opened); !name.empty()) {
      fmt::print(stderr,
                 "synclog: the read table of {} was made of another definition: start the server with "
                 "the definitions that are in use, and name them here by --entities\n",
                 name);
      return static_cast<int>(exit_failure);
    }
    pg::connect_options connect;
    connect.conninfo = opened.database.service_conninfo;
    connect.application_name = "synclog replay undo";
    asio::io_context context(1);
    undo_writer with(context, opened.entities, connect);
    undo_session session(command, opened.entities, with);
    const int failed = run_context(context, session.run(), 1);
    return failed != exit_ok ? failed : session.code();
  };
  return run_on_log(command.log, work);
}

} // namespace

void add_replay_undo(CLI::App& replay, run_command& chosen) {
  const auto command = std::make_shared<undo_command>();
  auto* undo = replay.add_subcommand(
      "undo",
      "Undoes selected events by new ones: records get back their state before them; exit 4 when some "
      "were changed again since, or cannot be undone");
  add_log_options(*undo, command->log);
  undo->add_option("--actor", command->selection.actor, "events of this actor");
  undo->add_option("--request", command->selection.request_id, "events of this request (X-Request-Id)");
  undo->add_option("--entity", command->selection.entity, "events of this entity");
  undo->add_option("--from", command->from, "events from this position on")->check(whole_number(1));
  undo->add_option("--to", command->to, "events up to this position")->check(whole_number(1));
  undo->add_option("--as", command->options.actor, "the actor of the new events")->capture_default_str();
  undo->add_option("--as-request", command->options.request_id,
                   "the request id of the new events (default: a new one; that of a run that was stopped)")
      ->check(CLI::Validator(refuse_request_id, ""));
  undo->add_flag("--dry-run", command->options.dry_run, "show what would be undone; nothing is saved");
  undo->add_flag("--force", command->options.force, "undo records that were changed again since, too");
  undo->add_flag("--json", command->json, "one JSON object a line for each record, and a last one");
  undo->callback([command, &chosen] { chosen = [command] { return run_undo(*command); }; });
}

} // namespace synclog::tools
