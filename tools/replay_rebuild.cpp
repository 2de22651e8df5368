// synclog replay rebuild: makes read tables anew from the log beside a running server, or shows what would
// change.
#include "core/json.hpp"
#include "eventstore/verify_log.hpp"
#include "projections/read_table.hpp"
#include "projections/rebuild.hpp"
#include "tools/commands.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_access.hpp"
#include "tools/progress_line.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>
#include <vector>

namespace synclog::tools {

namespace {

namespace json = core::json;
using projections::row_difference;

struct options_of_rebuild {
  log_options log;
  std::vector<std::string> entities;
  bool dry_run = false, json = false, unproven = false;
  unsigned jobs = 0;
  std::size_t limit = 20;
};

std::string_view kind_name(row_difference::kind kind) {
  switch (kind) {
  case row_difference::kind::missing:
    return "row_missing";
  case row_difference::kind::extra:
    return "row_extra";
  case row_difference::kind::field:
    break;
  }
  return "field";
}

void append_text(std::string& out, const char* name, const std::optional<std::string>& value) {
  out += fmt::format(",\"{}\":", name);
  if (value)
    json::append_string(out, *value);
  else
    out += "null";
}

std::string row_json(const row_difference& one) {
  std::string out = "{\"id\":";
  json::append_string(out, one.record_id);
  append_text(out, "kind", std::string(kind_name(one.what)));
  if (one.what == row_difference::kind::field) {
    append_text(out, "field", one.field);
    append_text(out, "is", one.is);
    append_text(out, "would_be", one.would_be);
  }
  return out + '}';
}

std::string sentences_json(const std::vector<std::string>& sentences) {
  std::string out = "[";
  for (const auto& sentence : sentences) {
    if (out.size() > 1) out += ',';
    json::append_string(out, sentence);
  }
  return out + ']';
}

std::string row_text(const row_difference& one) {
  switch (one.what) {
  case row_difference::kind::missing:
    return fmt::format("{}: the row is missing", harmless(one.record_id));
  case row_difference::kind::extra:
    return fmt::format("{}: the row stands, the log has no such record", harmless(one.record_id));
  case row_difference::kind::field:
    break;
  }
  return fmt::format("{}: {} is {}, would be {}", harmless(one.record_id), one.field,
                     harmless(one.is.value_or("NULL")), harmless(one.would_be.value_or("NULL")));
}

std::string preview_json(const core::entity& definition, const projections::rebuild_preview& preview,
                         std::size_t limit) {
  std::string out = "{\"entity\":";
  json::append_string(out, definition.name);
  out += fmt::format(
      ",\"rows_compared\":{},\"rows_differing\":{},\"layout\":{},\"obstacles\":{},\"differences\":[",
      preview.rows.rows_compared, preview.rows.rows_differing, sentences_json(preview.layout),
      sentences_json(preview.obstacles));
  for (std::size_t i = 0; i < std::min(limit, preview.rows.first.size()); ++i) {
    if (i > 0) out += ',';
    out += row_json(preview.rows.first[i]);
  }
  return out + "]}";
}

void print_preview(const core::entity& definition, const projections::rebuild_preview& preview,
                   std::size_t limit) {
  for (const auto& sentence : preview.obstacles) {
    fmt::print("{}\n", harmless(sentence));
  }
  for (const auto& sentence : preview.layout) {
    fmt::print("{}: {}\n", definition.name, harmless(sentence));
  }
  fmt::print("{}: {} of {} rows would change\n", definition.name, preview.rows.rows_differing,
             std::max(preview.rows.rows_compared, preview.rows.rows_differing));
  const auto& first = preview.rows.first;
  for (std::size_t i = 0; i < std::min(limit, first.size()); ++i) {
    fmt::print("  {}\n", row_text(first[i]));
  }
  if (first.size() > limit) {
    fmt::print("  … (--limit shows more)\n");
  }
}

// Those that were named, or all; empty when one is unknown, and then it has been said.
std::vector<const core::entity*> chosen_entities(const options_of_rebuild& options,
                                                 const core::catalog& known) {
  std::vector<const core::entity*> chosen;
  if (options.entities.empty()) {
    for (const auto& definition : known.all()) {
      chosen.push_back(&*definition);
    }
    return chosen;
  }
  for (const auto& name : options.entities) {
    const auto* definition = known.find(name);
    if (definition == nullptr) {
      std::vector<std::string> names;
      for (const auto& one : known.all()) {
        names.push_back(one->name);
      }
      fmt::print(stderr, "synclog: no entity is named {}; there are {}\n", harmless(name),
                 fmt::join(names, ", "));
      return {};
    }
    if (std::find(chosen.begin(), chosen.end(), definition) == chosen.end()) {
      chosen.push_back(definition);
    }
  }
  return chosen;
}

int rebuild_all(const options_of_rebuild& options, const std::vector<const core::entity*>& chosen,
                const projections::rebuild_options& how, progress_line& line) {
  std::string all;
  for (const auto* definition : chosen) {
    const auto built = projections::rebuild_table(how, *definition);
    line.close();
    if (options.json) {
      all += all.empty() ? "" : ",";
      all += "{\"entity\":";
      json::append_string(all, definition->name);
      all += fmt::format(",\"rows\":{},\"adopted\":{},\"left_overs_dropped\":{},\"seconds\":{:.3f}}}",
                         built.rows, built.adopted, built.left_overs, built.seconds);
      continue;
    }
    fmt::print("{}: {} rows rebuilt and compared with the log in {:.1f} s{}{}\n", definition->name,
               built.rows, built.seconds,
               built.adopted ? fmt::format("; revision {} of its definition adopted", definition->revision)
                             : "",
               built.left_overs > 0 ? "; what an interrupted rebuild had left was dropped" : "");
  }
  if (options.json) {
    fmt::print("{{\"ok\":true,\"dry_run\":false,\"entities\":[{}]}}\n", all);
  }
  return exit_ok;
}

int preview_all(const options_of_rebuild& options, const std::vector<const core::entity*>& chosen,
                const projections::rebuild_options& how, progress_line& line) {
  bool any = false;
  std::string all;
  for (const auto* definition : chosen) {
    const auto preview = projections::preview_rebuild(how, *definition);
    line.close();
    any = any || preview.any();
    if (options.json) {
      all += all.empty() ? "" : ",";
      all += preview_json(*definition, preview, options.limit);
    } else {
      print_preview(*definition, preview, options.limit);
    }
  }
  if (options.json) {
    fmt::print("{{\"ok\":{},\"dry_run\":true,\"entities\":[{}]}}\n", !any, all);
  }
  return any ? exit_difference_found : exit_ok;
}

// A table made from a log that somebody has changed would take over the change, and nothing would be left to
// compare with.
bool is_sound(const log_access& log, const options_of_rebuild& options, unsigned jobs, progress_line& line) {
  eventstore::verify_report proof;
  eventstore::verify_options how;
  how.jobs = std::min(jobs, eventstore::most_verify_jobs);
  const auto show = [&](const eventstore::verify_progress& at) {
    if (!options.json) {
      line.show(at.stage, at.done, at.total);
    }
  };
  eventstore::verify_log(log.database.service_conninfo, proof, show, how);
  line.close();
  if (proof.difference) {
    fmt::print(stderr,
               "synclog: {}\nThe log is not what was written, so nothing was rebuilt from it; the read "
               "tables may still hold "
               "what it said. --unproven rebuilds all the same.\n",
               harmless(proof.difference->detail));
  }
  return !proof.difference;
}

int run_rebuild(const options_of_rebuild& options) {
  progress_line line;
  const auto work = [&options, &line](log_access& log) {
    const auto chosen = chosen_entities(options, log.entities);
    if (chosen.empty()) {
      return static_cast<int>(exit_usage);
    }
    projections::rebuild_options how;
    how.conninfo = log.database.service_conninfo;
    how.pace = projections::default_rebuild_pace(how.conninfo, how.role);
    if (options.jobs > 0)
      how.pace = {.jobs = options.jobs, .is_gentle = how.pace.is_gentle && options.jobs == 1};
    if (!options.json) {
      how.progress = [&line](const eventstore::verify_progress& at) {
        line.show(at.stage, at.done, at.total);
      };
    }
    try {
      if (!options.dry_run && !options.unproven && !is_sound(log, options, how.pace.jobs, line)) {
        return static_cast<int>(exit_difference_found);
      }
      return options.dry_run ? preview_all(options, chosen, how, line)
                             : rebuild_all(options, chosen, how, line);
    } catch (const eventstore::pg::unavailable&) {
      throw;
    } catch (const eventstore::pg::query_failed&) {
      throw;
    } catch (const std::runtime_error& failed) {
      line.close();
      fmt::print(stderr, "synclog: {}\n", harmless_lines(failed.what()));
      return static_cast<int>(exit_failure);
    }
  };
  return run_on_log(options.log, work, [&line] { line.close(); });
}

} // namespace

void add_replay_rebuild(CLI::App& replay, run_command& chosen) {
  const auto options = std::make_shared<options_of_rebuild>();
  auto* rebuild = replay.add_subcommand(
      "rebuild",
      "Makes read tables anew from the log while they serve; --dry-run shows what would change, exit 4 "
      "when anything would");
  add_log_options(*rebuild, options->log);
  rebuild->add_option("entity", options->entities, "entities to rebuild (default: all)");
  rebuild->add_flag("--dry-run", options->dry_run, "list the rows that would change, change nothing");
  rebuild
      ->add_option("--jobs", options->jobs,
                   "database connections that work at once (default: one while a server works on this "
                   "database, else one "
                   "a core, at most 4)")
      ->check(CLI::Range(1, 64));
  rebuild->add_option("--limit", options->limit, "rows to list with --dry-run")
      ->check(CLI::Range(0, static_cast<int>(projections::table_differences::most_kept)))
      ->capture_default_str();
  rebuild->add_flag("--unproven", options->unproven, "do not verify the log first");
  rebuild->add_flag("--json", options->json, "one JSON object instead of sentences");
  rebuild->callback([options, &chosen] { chosen = [options] { return run_rebuild(*options); }; });
}

} // namespace synclog::tools
