// One entity's rebuild, step by step. Between the fold and the swap the shadow is always the exact fold up to
// one position, `complete_to_`: each step forward applies a span of positions and nothing else.
#include "projections/rebuild.hpp"
#include "core/chain.hpp"
#include "eventstore/head_lock.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "projections/binary_copy.hpp"
#include "projections/read_table.hpp"
#include "projections/rebuild_checks.hpp"
#include "projections/rebuild_fill.hpp"
#include "projections/rebuild_pace.hpp"
#include "projections/shadow_table.hpp"
#include "projections/table_records.hpp"
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <limits>
#include <thread>

namespace synclog::projections {

namespace pg = eventstore::pg;
using namespace std::chrono_literals;

namespace {

// Positions that may be left for the time under the head lock, when everybody's writes wait: with each try
// more, since who writes fast enough leaves more in any case.
constexpr std::int64_t small_rest = 50;
constexpr const char* head_lock_timeout = "2s";
// For the old table. Whoever comes meanwhile waits behind it, so the first tries are short.
constexpr auto shortest_table_wait = 50ms, longest_table_wait = 500ms;
// PostgreSQL ends an autovacuum that is in the way after deadlock_timeout, which is a second: now and then
// one waits that long.
constexpr auto autovacuum_wait = 1'500ms;
constexpr int attempts_between = 10;
constexpr int most_swap_attempts = 300;
constexpr auto first_pause = 20ms, longest_pause = 2'000ms;
// ANALYZE reads 300 pages times this, each of which it may have to write once more; autovacuum makes better
// ones.
constexpr const char *usual_statistics = "100", *few_statistics = "10";
constexpr const char* control_timeout = "10min"; // of a statement; pages and rests are far below it

std::int64_t head_of(pg::plain_connection& db) {
  return db.run("SELECT coalesce(max(position), 0) FROM synclog.events").int8(0, 0);
}

class table_rebuild {
 public:
  table_rebuild(const rebuild_options& options, const core::entity& definition)
      : options_(options), definition_(definition), db_(options, definition.name), block_(definition),
        span_size_(page_bytes_of(options)) {
    db_->run("SELECT set_config('default_statistics_target', $1, false)",
             {std::string(options_.pace.is_gentle ? few_statistics : usual_statistics)});
    lock_entity(*db_, definition.name);
  }

  rebuild_result run(rebuild_when when) {
    const auto began = std::chrono::steady_clock::now();
    left_overs_ = drop_shadows(*db_, definition_.name);
    standing_ = check_rebuild(*db_, definition_);
    if (when == rebuild_when::when_layout_differs && is_current(*db_, definition_)) return {};
    refuse_obstacles(*db_, definition_, standing_);
    db_->run("SELECT set_config('statement_timeout', $1, false)", {std::string(control_timeout)});
    shadow_ = create_shadow(*db_, definition_);
    try {
      build();
      swap();
    } catch (...) {
      clean_up();
      throw;
    }
    rebuild_result result;
    result.rebuilt = true;
    result.adopted = adopted_;
    result.rows = rows_;
    result.left_overs = left_overs_;
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return result;
  }

 private:
  void report(const char* stage, std::int64_t done, std::int64_t total) {
    if (options_.progress) options_.progress({definition_.name + ": " + stage, done, total});
  }

  void build() {
    complete_to_ = head_of(*db_);
    if (!options_.pace.is_gentle || !fill_indexed()) fill_and_index();
    if (rows_ > 0) db_->run("ANALYZE " + qualified_table(shadow_));
    catch_up();
    table_differences found = compare_table(options_, definition_, shadow_, complete_to_, rows_);
    comparison_.emplace(*db_, definition_, shadow_);
    require_equal(found);
    catch_up();
  }

  // Building an index writes the whole of it to the write-ahead log at once, and whoever commits just then
  // waits for that. Beside others the rows take their index entries along, page by page. False when a unique
  // value stands twice: the shadow is then a new one, and empty.
  bool fill_indexed() {
    try {
      index();
      fill();
      return true;
    } catch (const pg::query_failed& failed) {
      if (pg::classify(failed.info().sqlstate) != pg::meaning::unique_violation) throw;
    }
    drop_shadows(*db_, definition_.name);
    shadow_ = create_shadow(*db_, definition_);
    return false;
  }

  void fill_and_index() {
    fill();
    try {
      index();
    } catch (const pg::query_failed& failed) {
      if (pg::classify(failed.info().sqlstate) != pg::meaning::unique_violation) throw;
      throw preparation_refused(definition_.name, duplicate_sentence(*db_, definition_, shadow_));
    }
  }

  void fill() {
    field_misfits misfits;
    rows_ =
        fill_shadow(options_, definition_, shadow_, complete_to_, estimated_rows(*db_, standing_), misfits);
    if (!misfits.by_field.empty())
      throw preparation_refused(definition_.name, misfit_sentence(definition_, misfits));
  }

  void index() {
    const table_ddl ddl = make_table_ddl(definition_, shadow_);
    build_indexes(options_, definition_, ddl.indexes);
    for (const table_ddl::index& one : ddl.indexes)
      if (!one.adoption.empty()) db_->run(one.adoption);
  }

  // Brings the shadow from complete_to_ to the end of the span, in the caller's transaction.
  void apply(position_span span) {
    const latest_query latest = latest_in_span(definition_.name, span);
    const pg::rows page = db_->run(latest.sql, latest.values);
    if (page.size() > 0) {
      block_.clear();
      for (int row = 0; row < page.size(); ++row)
        if (!page.is_null(row, latest_data) && !block_.add(page.text(row, latest_data)))
          throw std::runtime_error(
              fmt::format("position {}: its data is no record", page.text(row, latest_position)));
      std::vector<misfit> misfits;
      write_binary_rows(bytes_, definition_, block_, misfits);
      if (!misfits.empty())
        throw preparation_refused(
            definition_.name,
            fmt::format("Entity {}: a record written meanwhile holds a value of \"{}\" that the "
                        "new definition cannot; the old table stays.",
                        definition_.name, definition_.fields[misfits[0].field_index].name));
      const pg::rows gone = db_->run("WITH gone AS (DELETE FROM " + qualified_table(shadow_) +
                                         " WHERE id IN (SELECT e.record_id FROM synclog.events AS e WHERE " +
                                         events_of_span + ") RETURNING 1) SELECT count(*) FROM gone",
                                     latest.values);
      if (block_.size() > 0) db_->copy_in(binary_copy_sql(shadow_), bytes_);
      rows_ += static_cast<std::int64_t>(block_.size()) - gone.int8(0, 0);
    }
    span_size_.saw(static_cast<std::size_t>(span.until - span.after), block_.bytes());
    if (comparison_ && page.size() > 0) {
      table_differences found;
      comparison_->compare_span(span, found);
      require_equal(found);
    }
  }

  position_span next_span(std::int64_t head) {
    position_span span{complete_to_,
                       std::min(head, complete_to_ + static_cast<std::int64_t>(span_size_.rows()))};
    span.until = end_within_page(*db_, definition_.name, span, page_bytes_of(options_));
    return span;
  }

  // Round after round, until what is left is small. Writers go on, so each round is shorter than the last,
  // until one takes as long as it takes them to write as much again.
  void catch_up() {
    std::int64_t left_before = std::numeric_limits<std::int64_t>::max();
    for (bool is_first = true;; is_first = false) {
      const std::int64_t head = head_of(*db_), began = complete_to_;
      while (complete_to_ < head) {
        check_stop(options_);
        const position_span span = next_span(head);
        const page_turn turn(options_);
        db_->run("BEGIN");
        apply(span);
        db_->run("COMMIT");
        complete_to_ = span.until;
        // Only at first: later it would never come up with those who write.
        if (is_first) turn.rest(block_.bytes());
        report("catching up", complete_to_ - began, head - began);
      }
      const std::int64_t left = head_of(*db_) - head;
      if (left <= small_rest || left >= left_before) return;
      left_before = left;
    }
  }

  void require_equal(const table_differences& found) {
    if (found.rows_differing == 0) return;
    const row_difference& one = found.first.front();
    throw std::runtime_error(fmt::format("entity {}: {} rows of the rebuilt table are not what the log says, "
                                         "the first one is {} {}; the old table stays",
                                         definition_.name, found.rows_differing, one.record_id, one.field));
  }

  void swap() {
    auto pause = first_pause;
    for (int attempt = 1;; ++attempt) {
      check_stop(options_);
      report("swapping", attempt, most_swap_attempts);
      if (try_swap(attempt)) return;
      std::this_thread::sleep_for(pause);
      pause = std::min<std::chrono::milliseconds>(pause * 2, longest_pause);
      catch_up();
    }
  }

  // False when somebody was in the way, or much was written meanwhile: nothing has changed then.
  bool try_swap(int attempt) {
    const bool last = attempt == most_swap_attempts;
    const std::int64_t before = complete_to_, rows_before = rows_;
    db_->run("BEGIN");
    try {
      db_->run("SELECT set_config('lock_timeout', $1, true)", {std::string(head_lock_timeout)});
      db_->run("SELECT pg_advisory_xact_lock($1::bigint)", {std::to_string(eventstore::head_lock_key)});
      const std::int64_t head = head_of(*db_);
      if (head - complete_to_ > attempt * small_rest && !last) {
        db_->abandon_transaction();
        return false;
      }
      while (complete_to_ < head) {
        const position_span span = next_span(head);
        apply(span);
        complete_to_ = span.until;
      }
      change_places(attempt % attempts_between == 0 ? autovacuum_wait
                                                    : std::min<std::chrono::milliseconds>(
                                                          attempt * shortest_table_wait, longest_table_wait));
      db_->run("COMMIT");
      return true;
    } catch (const pg::query_failed& failed) {
      db_->abandon_transaction();
      complete_to_ = before;
      rows_ = rows_before;
      if (failed.info().sqlstate == "2BP01")
        throw preparation_refused(definition_.name, dependents_sentence(*db_, definition_, standing_));
      if (pg::classify(failed.info().sqlstate) != pg::meaning::retry || last) throw;
      return false;
    } catch (...) {
      db_->abandon_transaction();
      throw;
    }
  }

  void change_places(std::chrono::milliseconds table_wait) {
    // Others may have come first, between the beginning and this lock.
    const standing_table_state now = check_rebuild(*db_, definition_);
    if (now.fingerprint != standing_.fingerprint || now.name != standing_.name)
      throw std::runtime_error(
          fmt::format("entity {}: its read table was replaced meanwhile", definition_.name));
    if (now.exists) {
      db_->run("SELECT set_config('lock_timeout', $1, true)", {fmt::format("{}ms", table_wait.count())});
      db_->run("LOCK TABLE " + qualified_table(now.name) + " IN ACCESS EXCLUSIVE MODE");
    }
    put_shadow_in_place(*db_, definition_, shadow_, now.exists ? now.name : "");
    adopted_ = now.adopts;
    if (adopted_) store_definition(*db_, definition_);
    record_table(*db_, definition_);
  }

  // The old table serves on; what was built takes room for nothing. When this connection is gone, the next
  // run finds the shadow.
  void clean_up() noexcept {
    try {
      db_->abandon_transaction();
      drop_shadows(*db_, definition_.name);
    } catch (...) {
    }
  }

  const rebuild_options& options_;
  const core::entity& definition_;
  rebuild_connection db_; // holds the entity's lock
  column_block block_;
  std::string bytes_;
  page_size span_size_;
  std::optional<table_comparison> comparison_; // once the whole table was compared
  standing_table_state standing_;
  std::string shadow_;
  std::int64_t complete_to_ = 0, rows_ = 0;
  int left_overs_ = 0;
  bool adopted_ = false;
};

} // namespace

rebuild_result rebuild_table(const rebuild_options& options, const core::entity& definition,
                             rebuild_when when) {
  try {
    return table_rebuild(options, definition).run(when);
  } catch (const pg::query_failed& failed) {
    // What the stop interrupted.
    if (pg::classify(failed.info().sqlstate) == pg::meaning::timed_out) check_stop(options);
    throw;
  }
}

rebuild_preview preview_rebuild(const rebuild_options& options, const core::entity& definition) {
  rebuild_preview preview;
  standing_table_state standing;
  {
    rebuild_connection db(options, definition.name);
    standing = check_rebuild(*db, definition);
    preview.layout = layout_changes(*db, definition, standing);
    preview.obstacles = obstacles_of(*db, definition, standing);
    if (!standing.exists) return preview;
    if (!preview.layout.empty()) {
      field_misfits misfits;
      fill_shadow(options, definition, "", std::nullopt, estimated_rows(*db, standing), misfits);
      if (!misfits.by_field.empty()) preview.obstacles.push_back(misfit_sentence(definition, misfits));
    }
  }
  preview.rows = compare_table(options, definition, standing.name, std::nullopt, 0);
  return preview;
}

} // namespace synclog::projections
