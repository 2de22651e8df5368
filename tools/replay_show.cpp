// synclog replay show: one event with everything that enters its hash. What it shows is computed by the
// functions that the log has in SQL, so that each line can be checked by hand.
#include "core/json.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_access.hpp"
#include "tools/replay_past.hpp"
#include "tools/whole_number.hpp"
#include <CLI/CLI.hpp>
#include <array>
#include <fmt/format.h>
#include <memory>

namespace synclog::tools {

namespace {

struct show_options {
  log_options log;
  std::int64_t position = 0;
  bool json = false;
};

enum class shape : std::uint8_t { text, number, json };

struct shown_column {
  std::string_view name;
  shape as;
};

// In the order of the statement. The first eleven are the envelope and the data, the rest are hashes.
constexpr std::array<shown_column, 17> columns{{{"position", shape::number},
                                                {"entity", shape::text},
                                                {"record_id", shape::text},
                                                {"version", shape::number},
                                                {"action", shape::text},
                                                {"branch", shape::text},
                                                {"previous_branch", shape::text},
                                                {"recorded_at", shape::text},
                                                {"meta", shape::json},
                                                {"data", shape::json},
                                                {"log_id", shape::text},
                                                {"salt", shape::text},
                                                {"data_hash", shape::text},
                                                {"envelope_hash", shape::text},
                                                {"previous_hash", shape::text},
                                                {"computed", shape::text},
                                                {"stored", shape::text}}};
constexpr int data_column = 9, previous_column = 14, computed_column = 15, stored_column = 16;

constexpr const char* show_sql = R"(
  SELECT e.position, e.entity, e.record_id, e.version, e.action, e.branch, e.previous_branch,
         to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.meta, e.data, m.log_id,
         encode(e.salt, 'hex'), encode(synclog.data_hash(e), 'hex'),
         encode(synclog.envelope_hash(m.log_id, e.position, e.entity, e.record_id, e.version, e.action, e.branch,
                                      e.previous_branch, e.recorded_at, e.meta), 'hex'),
         encode(b.hash, 'hex'), encode(synclog.event_hash(b.hash, m.log_id, e), 'hex'), encode(e.hash, 'hex')
  FROM synclog.events e CROSS JOIN synclog.log_meta m
  CROSS JOIN LATERAL (
    SELECT CASE WHEN e.position = 1 THEN synclog.genesis_hash(m.log_id)
                ELSE (SELECT p.hash FROM synclog.events p WHERE p.position = e.position - 1) END AS hash) b
  WHERE e.position = $1::bigint)";

void print_json(const eventstore::pg::rows& rows) {
  std::string out = "{";
  for (std::size_t index = 0; index < columns.size(); ++index) {
    const int column = static_cast<int>(index);
    out += fmt::format("{}\"{}\":", index == 0 ? "" : ",", columns[index].name);
    if (rows.is_null(0, column))
      out += "null";
    else if (columns[index].as == shape::text)
      core::json::append_string(out, rows.text(0, column));
    else
      out += rows.text(0, column);
  }
  fmt::print("{}}}\n", out);
}

void print_lines(const eventstore::pg::rows& rows) {
  for (std::size_t index = 0; index < columns.size(); ++index) {
    const int column = static_cast<int>(index);
    const auto text = rows.is_null(0, column) ? std::string(column == data_column ? "(erased)" : "-")
                                              : harmless(rows.text(0, column));
    fmt::print("{:<16} {}\n", columns[index].name, text);
  }
}

int run_show(const show_options& options) {
  const auto work = [&options](log_access& log) {
    eventstore::pg::plain_connection db(log.database.service_conninfo, "", "synclog replay show");
    const auto rows = db.run(show_sql, {std::to_string(options.position)});
    if (rows.size() == 0) {
      fmt::print(stderr, "synclog: the log has no position {}\n", options.position);
      return static_cast<int>(exit_failure);
    }
    if (options.json)
      print_json(rows);
    else
      print_lines(rows);
    if (rows.is_null(0, previous_column)) {
      fmt::print(stderr, "synclog: position {} is missing: what comes behind it cannot be proven\n",
                 options.position - 1);
      return static_cast<int>(exit_difference_found);
    }
    const bool same = rows.text(0, computed_column) == rows.text(0, stored_column);
    if (!options.json)
      fmt::print("{}\n", same ? "computed = stored" : "computed and stored differ: this event was altered");
    return static_cast<int>(same ? exit_ok : exit_difference_found);
  };
  return run_on_log(options.log, work);
}

} // namespace

void add_replay_show(CLI::App& replay, run_command& chosen) {
  const auto options = std::make_shared<show_options>();
  auto* show = replay.add_subcommand(
      "show",
      "Shows one event with all that enters its hash; exit 4 when the hash is not that of the content");
  add_log_options(*show, options->log);
  show->add_option("POSITION", options->position, "its position")->required()->check(whole_number(1));
  show->add_flag("--json", options->json, "one JSON object");
  show->callback([options, &chosen] { chosen = [options] { return run_show(*options); }; });
}

} // namespace synclog::tools
