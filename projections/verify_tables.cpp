// For each entity, stretches of ids in order: where a stretch ends is asked first (any answer would do), by
// one thread at a time; comparing it is what takes long, and is done by all.
#include "projections/verify_tables.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "projections/cut_tail.hpp"
#include "projections/layout.hpp"
#include "projections/page_size.hpp"
#include "projections/verify_plan.hpp"
#include "projections/verify_stretch.hpp"
#include <algorithm>
#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// How often a run begins anew because definitions were adopted meanwhile.
constexpr int most_attempts = 5;

struct stretch {
  std::size_t number = 0; // in the order of the whole
  const planned_table* table = nullptr;
  std::string after; // ids are never empty
  std::optional<std::string> upper;
};

// The id that ends a stretch; empty when the rest is one.
std::optional<std::string> end_of_stretch(pg::plain_connection& db, const core::entity& definition,
                                          const std::string& after, std::size_t rows) {
  const pg::rows found = db.run(
      "SELECT least((SELECT e.record_id FROM synclog.events AS e WHERE e.entity = $1 AND e.record_id > $2 "
      "ORDER BY e.record_id OFFSET $3::bigint LIMIT 1), (SELECT r.id FROM " +
          qualified_table(definition.table) +
          " AS r WHERE r.id > $2 ORDER BY r.id OFFSET $3::bigint LIMIT 1))",
      {definition.name, after, std::to_string(rows - 1)});
  if (found.is_null(0, 0)) return std::nullopt;
  return std::string(found.text(0, 0));
}

std::int64_t estimated_rows(pg::plain_connection& db, const core::entity& definition) {
  return db
      .run("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass($1)",
           {qualified_table(definition.table)})
      .int8(0, 0);
}

// All tables: which stretch is next, and what was found. Any thread.
class tables_walk {
 public:
  tables_walk(const std::vector<planned_table>& plan, eventstore::verify_report& report,
              const eventstore::progress_callback& progress)
      : plan_(plan), report_(report), progress_(progress) {}

  // Empty when nothing is left, or when something was found: what is left lies behind it.
  std::optional<stretch> take(pg::plain_connection& db) {
    const std::lock_guard hold(mutex_);
    if (failed_ || report_.difference) return std::nullopt;
    if (!table_) {
      while (next_table_ < plan_.size() && !plan_[next_table_].is_made)
        ++next_table_;
      if (next_table_ == plan_.size()) return std::nullopt;
      table_ = &plan_[next_table_++];
      if (auto lost = missing_part(db, *table_)) {
        differ(next_number_, std::move(*lost));
        return std::nullopt;
      }
      total_ = estimated_rows(db, *table_->definition);
      done_ = 0;
      after_.clear();
    }
    stretch taken{next_number_++, table_, after_,
                  end_of_stretch(db, *table_->definition, after_, size_.rows())};
    if (taken.upper)
      after_ = *taken.upper;
    else
      table_ = nullptr;
    return taken;
  }

  void add(const stretch& of, stretch_outcome outcome) {
    const std::lock_guard hold(mutex_);
    report_.rows += outcome.rows;
    size_.saw(outcome.records, outcome.bytes);
    if (outcome.difference) differ(of.number, std::move(*outcome.difference));
    // The last stretches of one table may end behind the first of the next.
    if (of.table != &plan_[next_table_ - 1]) return;
    done_ += outcome.rows;
    if (progress_) progress_({of.table->definition->table, done_, std::max(total_, done_)});
  }

  void fail(std::exception_ptr why) {
    const std::lock_guard hold(mutex_);
    if (!failed_) failed_ = std::move(why);
  }

  // After every thread has ended.
  void finish() const {
    if (failed_) std::rethrow_exception(failed_);
  }

 private:
  void differ(std::size_t number, eventstore::difference found) {
    if (report_.difference && found_in_ <= number) return;
    report_.difference = std::move(found);
    found_in_ = number;
  }

  const std::vector<planned_table>& plan_;
  std::mutex mutex_;
  eventstore::verify_report& report_;
  const eventstore::progress_callback& progress_;
  page_size size_;
  const planned_table* table_ = nullptr; // null: the next one begins
  std::size_t next_table_ = 0, next_number_ = 0, found_in_ = 0;
  std::string after_;
  std::int64_t done_ = 0, total_ = 0; // of the table begun last
  std::exception_ptr failed_;
};

std::unique_ptr<stretch_verifier> verifier_of(pg::plain_connection& db, const planned_table& table) {
  stretch_checks checks;
  if (table.awaits_rebuild) checks.texts = search_texts::passed_over;
  // A first revision has no predecessor by which anything could have been written.
  if (table.revision != 1) checks.branches_since = table.adopted_at.empty() ? "infinity" : table.adopted_at;
  return std::make_unique<stretch_verifier>(db, *table.definition, std::move(checks));
}

void verify_stretches(tables_walk& walk, pg::plain_connection& db, std::optional<stretch> next) {
  std::unique_ptr<stretch_verifier> verifier;
  for (; next; next = walk.take(db)) {
    if (!verifier || &verifier->definition() != next->table->definition.get())
      verifier = verifier_of(db, *next->table);
    walk.add(*next, verifier->verify(next->after, next->upper));
  }
}

// A thread beside the first. A server that has no connection left for it is no failure of the proof.
void verify_beside(tables_walk& walk, const std::string& conninfo) {
  std::unique_ptr<pg::plain_connection> db;
  try {
    db = std::make_unique<pg::plain_connection>(conninfo, "", "synclog verify");
  } catch (const pg::unavailable&) {
    return;
  }
  try {
    verify_stretches(walk, *db, walk.take(*db));
  } catch (...) {
    walk.fail(std::current_exception());
  }
}

// Each table of the plan, over several connections.
void verify_planned(const std::string& conninfo, pg::plain_connection& db,
                    const std::vector<planned_table>& plan, eventstore::verify_report& report,
                    const eventstore::progress_callback& progress, unsigned jobs) {
  tables_walk walk(plan, report, progress);
  {
    std::vector<std::jthread> beside;
    try {
      auto next = walk.take(db);
      // Short tables need no second connection.
      for (; next && !next->upper; next = walk.take(db))
        walk.add(*next, verifier_of(db, *next->table)->verify(next->after, next->upper));
      for (unsigned i = 1; next && i < std::min(jobs, eventstore::most_verify_jobs); ++i)
        beside.emplace_back([&walk, &conninfo] { verify_beside(walk, conninfo); });
      verify_stretches(walk, db, std::move(next));
    } catch (...) {
      walk.fail(std::current_exception());
    }
  }
  walk.finish();
}

// False when something was found or a column was not there, and definitions or tables have changed since the
// plan was made: a server may have adopted a definition, or a rebuild put its table in place.
bool verify_by(const std::string& conninfo, pg::plain_connection& db, const core::catalog& entities,
               const std::vector<planned_table>& plan, eventstore::verify_report& report,
               const eventstore::progress_callback& progress, unsigned jobs) {
  try {
    verify_planned(conninfo, db, plan, report, progress, jobs);
  } catch (const pg::query_failed& failed) {
    if (pg::classify(failed.info().sqlstate) != pg::meaning::bug || plan == plan_verification(db, entities))
      throw;
    return false;
  }
  return !report.difference || plan == plan_verification(db, entities);
}

// A row that differs because its event is gone is no fault of the table, and making it anew would only hide
// that.
void look_for_cut_tail(pg::plain_connection& db, const std::vector<planned_table>& plan,
                       eventstore::verify_report& report) {
  if (!report.difference || report.difference->kind == "table") return;
  const auto found = std::find_if(plan.begin(), plan.end(), [&](const planned_table& table) {
    return table.definition->name == report.difference->entity;
  });
  if (found == plan.end()) return;
  const core::entity& definition = *found->definition;
  const auto cut = find_cut_tail(db, definition.name, definition.table);
  if (!cut) return;
  const core::position missing = cut->head.next();
  report.difference = eventstore::difference{
      missing,
      "tail",
      fmt::format("position {}: missing: {}", missing.value, cut_tail_sentence(*cut, definition.table)),
      definition.name,
      cut->record_id,
      "position",
      std::to_string(cut->newest_row.value),
      {}};
}

} // namespace

void verify_tables(const std::string& conninfo, const core::catalog& entities,
                   eventstore::verify_report& report, const eventstore::progress_callback& progress,
                   unsigned jobs) {
  const auto start = std::chrono::steady_clock::now();
  pg::plain_connection db(conninfo, "", "synclog verify");
  const std::int64_t rows_before = report.rows;
  std::vector<planned_table> plan;
  bool holds = false;
  for (int attempt = 1; !holds; ++attempt) {
    if (attempt > most_attempts)
      throw std::runtime_error("definitions of the read tables changed each time that they were compared");
    plan = plan_verification(db, entities);
    report.difference.reset();
    report.rows = rows_before;
    holds = verify_by(conninfo, db, entities, plan, report, progress, jobs);
  }
  report.notes.clear();
  for (const planned_table& table : plan)
    if (table.note) report.notes.push_back(*table.note);
  look_for_cut_tail(db, plan, report);
  report.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace synclog::projections
