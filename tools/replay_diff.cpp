// synclog replay diff: what changed between two moments, record by record.
#include "core/difference.hpp"
#include "core/json.hpp"
#include "tools/change_lines.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/past_access.hpp"
#include "tools/replay_past.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <memory>

namespace synclog::tools {

namespace asio = boost::asio;

namespace {

using presence = eventstore::past_state::presence;

constexpr std::size_t first_window = 500, most_window = 20'000; // positions looked at by a statement

struct diff_options {
  log_options log;
  std::string from, to, entity;
  bool json = false;
};

// "" = the record stands as it stood.
std::string_view word_of(const eventstore::changed_record& record, const std::vector<core::change>& changes) {
  const bool was = record.before.what != presence::absent, is = record.after.what != presence::absent;
  if (was && !is) return "deleted";
  if (!was) return is ? "created" : "";
  if (record.before.what == presence::erased || record.after.what == presence::erased) return "erased";
  return changes.empty() ? "" : "updated";
}

void append_record(std::string& out, const eventstore::changed_record& record, std::string_view word,
                   const std::vector<core::change>& changes, bool json) {
  const auto from = record.before.what == presence::absent ? 0 : record.before.version;
  const auto to = record.after.what == presence::absent ? 0 : record.after.version;
  if (json) {
    out += R"({"entity":)";
    core::json::append_string(out, record.entity);
    out += R"(,"id":)";
    core::json::append_string(out, record.record_id);
    out += fmt::format(R"(,"what":"{}","from_version":{},"to_version":{},"changes":)", word,
                       from > 0 ? std::to_string(from) : "null", to > 0 ? std::to_string(to) : "null");
    core::append_changes(out, changes);
    out += "}\n";
    return;
  }
  const auto version = [](std::int64_t number) { return number > 0 ? fmt::format("v{}", number) : "-"; };
  out += fmt::format("{}  {}  {}  {} → {}\n", word, record.entity, harmless(record.record_id), version(from),
                     version(to));
  append_change_lines(out, changes);
}

asio::awaitable<int> show_diff(const diff_options& options, past_access& access) {
  if (!options.entity.empty() && known_entity(access.entities, options.entity) == nullptr)
    co_return exit_usage;
  auto from_text = options.from, to_text = options.to;
  const auto from = co_await find_moment_of(access, std::move(from_text));
  if (!from) co_return exit_difference_found;
  const auto to = co_await find_moment_of(access, std::move(to_text));
  if (!to) co_return exit_difference_found;
  if (from->position > to->position) {
    fmt::print(stderr, "synclog: {} is later than {}: name the earlier moment first\n", options.from,
               options.to);
    co_return exit_usage;
  }
  std::int64_t records = 0;
  std::size_t window = first_window;
  std::string out;
  for (auto after = from->position; after < to->position;) {
    auto entity = options.entity;
    const auto page = co_await access.past.changed(std::move(entity), from->position, to->position, after,
                                                   window, statement_deadline());
    out.clear();
    for (const auto& record : page.records) {
      const auto changes = core::differences(record.before.doc, record.after.doc);
      const auto word = word_of(record, changes);
      if (word.empty()) continue;
      ++records;
      append_record(out, record, word, changes, options.json);
    }
    fmt::print("{}", out);
    after = page.complete_to;
    window = page.records.size() < window / 4 ? std::min(window * 2, most_window) : window;
  }
  std::fflush(stdout);
  fmt::print(stderr, "{} records differ between {} and {}\n", records, core::to_string(*from),
             core::to_string(*to));
  co_return exit_ok;
}

} // namespace

void add_replay_diff(CLI::App& replay, run_command& chosen) {
  const auto options = std::make_shared<diff_options>();
  auto* diff = replay.add_subcommand("diff", "Shows what changed between two moments, record by record");
  add_log_options(*diff, options->log);
  const char* const words = "a position, a cursor or an RFC 3339 time";
  diff->add_option("FROM", options->from, words)->required()->check(CLI::Validator(refuse_moment, ""));
  diff->add_option("TO", options->to, words)->required()->check(CLI::Validator(refuse_moment, ""));
  diff->add_option("--entity", options->entity, "only this entity");
  diff->add_flag("--json", options->json, "one JSON object a line");
  diff->callback([options, &chosen] {
    chosen = [options] {
      const auto work = [options](past_access& access) { return show_diff(*options, access); };
      return run_on_past(options->log, "synclog replay diff", work);
    };
  });
}

} // namespace synclog::tools
