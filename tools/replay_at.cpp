// synclog replay at: an entity as it was at a moment, folded from the log alone, whatever state the read
// tables are in.
#include "http/handlers/list_answer_writer.hpp"
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

struct at_options {
  log_options log;
  std::string moment, entity;
  bool csv = false, json = false;
};

// How many records to read next, so that pages stay near some size whatever the records' is.
class fold_window {
 public:
  std::size_t next() const { return records_; }
  void saw(std::size_t records, std::size_t bytes) {
    const auto average = std::max<std::size_t>(1, bytes / std::max<std::size_t>(1, records));
    records_ = std::clamp<std::size_t>(target_bytes / average, 8, std::min<std::size_t>(records_ * 2, 2'000));
  }

 private:
  static constexpr std::size_t target_bytes = 1u << 20;
  std::size_t records_ = 32;
};

asio::awaitable<int> show_at(const at_options& options, past_access& access) {
  const auto* definition = known_entity(access.entities, options.entity);
  if (definition == nullptr) co_return exit_usage;
  auto text = options.moment;
  const auto at = co_await find_moment_of(access, std::move(text));
  if (!at) co_return exit_difference_found;
  using http::handlers::list_form;
  const auto form = options.csv ? list_form::csv : options.json ? list_form::json : list_form::ndjson;
  http::handlers::list_writer writer(form, *definition);
  std::string out, after;
  writer.open(out);
  fold_window window;
  std::int64_t records = 0;
  for (bool more = true; more;) {
    auto entity = definition->name;
    auto behind = after;
    const auto page = co_await access.past.fold(std::move(entity), std::move(behind), at->position,
                                                window.next(), statement_deadline());
    std::vector<std::string_view> docs;
    for (const auto& [id, state] : page.records)
      if (state.what == eventstore::past_state::presence::live) docs.push_back(state.doc);
    writer.append(out, docs);
    records += static_cast<std::int64_t>(docs.size());
    window.saw(page.records.size(), out.size());
    fmt::print("{}", out);
    out.clear();
    more = page.more;
    if (!page.records.empty()) after = page.records.back().first;
  }
  writer.close(out);
  fmt::print("{}{}", out, options.json ? "\n" : "");
  std::fflush(stdout);
  fmt::print(stderr, "{} records of {} at {}\n", records, definition->name, core::to_string(*at));
  co_return exit_ok;
}

} // namespace

void add_replay_at(CLI::App& replay, run_command& chosen) {
  const auto options = std::make_shared<at_options>();
  auto* at =
      replay.add_subcommand("at", "Shows an entity as it was at a moment, by id, one JSON object a line");
  add_log_options(*at, options->log);
  at->add_option("MOMENT", options->moment, "a position, a cursor or an RFC 3339 time")
      ->required()
      ->check(CLI::Validator(refuse_moment, ""));
  at->add_option("ENTITY", options->entity, "its name")->required();
  auto* csv = at->add_flag("--csv", options->csv, "as CSV, as an export has it");
  at->add_flag("--json", options->json, "as one JSON array")->excludes(csv);
  at->callback([options, &chosen] {
    chosen = [options] {
      const auto work = [options](past_access& access) { return show_at(*options, access); };
      return run_on_past(options->log, "synclog replay at", work);
    };
  });
}

} // namespace synclog::tools
