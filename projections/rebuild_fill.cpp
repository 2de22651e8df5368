// Ranges of ids are handed out one by one, so that connections that meet smaller records take more of them.
#include "projections/rebuild_fill.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "projections/binary_copy.hpp"
#include "projections/jobs.hpp"
#include "projections/rebuild_pace.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <thread>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

constexpr unsigned most_default_jobs = 4;
constexpr const char* server_name = "synclog serve"; // how a server's connections call themselves
constexpr std::size_t ranges_a_job = 8;
constexpr std::size_t most_example_bytes = 60;
constexpr const char* index_memory = "256MB";
constexpr const char* index_timeout = "6h";
constexpr const char* slow_copy_timeout = "60s";

// How far all connections together are.
class shared_progress {
 public:
  shared_progress(const rebuild_options& options, std::string stage, std::int64_t total)
      : options_(options), stage_(std::move(stage)), total_(total) {}
  void add(std::int64_t done) {
    const std::lock_guard guard(mutex_);
    done_ += done;
    if (options_.progress) options_.progress({stage_, done_, std::max(done_, total_)});
  }

 private:
  const rebuild_options& options_;
  const std::string stage_;
  const std::int64_t total_;
  std::mutex mutex_;
  std::int64_t done_ = 0;
};

// Runs `work` on each range, `jobs` at once, each job on a connection of its own that reads pages.
void over_ranges(const rebuild_options& options, const core::entity& definition,
                 std::optional<std::int64_t> until,
                 const std::function<void(std::size_t job, rebuild_connection& db, latest_pages& pages,
                                          const std::atomic<bool>& stopping)>& work) {
  std::vector<id_range> ranges;
  const std::size_t jobs = options.pace.jobs;
  {
    rebuild_connection db(options, definition.name);
    ranges = split_ids(*db, definition.name, jobs * ranges_a_job);
  }
  std::atomic<std::size_t> next{0};
  run_jobs(std::min(jobs, ranges.size()), [&](std::size_t job, const std::atomic<bool>& stopping) {
    rebuild_connection db(options, definition.name);
    prepare_page_session(*db);
    prepare_writing(*db, options);
    for (std::size_t at = next++; at < ranges.size() && !stopping; at = next++) {
      latest_pages pages(definition.name, ranges[at], until, page_bytes_of(options));
      work(job, db, pages, stopping);
    }
  });
}

// Rows of one connection on their way into the shadow.
class shadow_writer {
 public:
  shadow_writer(const core::entity& definition, const std::string& shadow)
      : definition_(definition), block_(definition), copy_(shadow.empty() ? "" : binary_copy_sql(shadow)) {}

  // Returns how many rows were copied: all or none.
  std::int64_t write(pg::plain_connection& db, latest_pages& pages, std::atomic<bool>& any_misfit) {
    const pg::rows page = run_page(db, pages, "", [](const std::string& latest) { return latest; });
    block_.clear();
    for (int row = 0; row < page.size(); ++row)
      if (!page.is_null(row, latest_data) && !block_.add(page.text(row, latest_data)))
        throw std::runtime_error(
            fmt::format("position {}: its data is no record", page.text(row, latest_position)));
    pages.saw(page);
    found_.clear();
    write_binary_rows(bytes_, definition_, block_, found_);
    for (const misfit& one : found_)
      count(one);
    if (!found_.empty()) any_misfit = true;
    if (any_misfit || copy_.empty() || block_.size() == 0) return 0;
    copy(db);
    return static_cast<std::int64_t>(block_.size());
  }
  const field_misfits& misfits() const { return misfits_; }

 private:
  void copy(pg::plain_connection& db) {
    try {
      db.copy_in(copy_, bytes_);
    } catch (const pg::query_failed& failed) {
      if (pg::classify(failed.info().sqlstate) != pg::meaning::timed_out) throw;
      // A slow disk is no reason to give up: the rows are on the way, and nothing was kept of the first try.
      db.run("SELECT set_config('statement_timeout', $1, false)", {std::string(slow_copy_timeout)});
      db.copy_in(copy_, bytes_);
    }
  }
  void count(const misfit& one) {
    field_misfits::counted& counted = misfits_.by_field[definition_.fields[one.field_index].name];
    ++counted.count;
    std::string_view value = *block_.fields()[one.field_index][one.row];
    if (value.size() > most_example_bytes) {
      std::size_t end = most_example_bytes;
      while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0U) == 0x80U)
        --end; // not inside a character
      value = value.substr(0, end);
    }
    counted.add_example(fmt::format("{}: {}", block_.ids()[one.row], value));
  }

  const core::entity& definition_;
  column_block block_;
  const std::string copy_;
  std::string bytes_;
  std::vector<misfit> found_;
  field_misfits misfits_;
};

} // namespace

void rebuild_stop::request() {
  requested_ = true;
  const std::lock_guard guard(mutex_);
  for (pg::plain_connection* const db : open_)
    db->interrupt();
}

rebuild_connection::rebuild_connection(const rebuild_options& options, const std::string& entity)
    : stop_(options.stop), db_(options.conninfo, options.role, "synclog rebuild " + entity) {
  if (stop_ == nullptr) return;
  const std::lock_guard guard(stop_->mutex_);
  stop_->open_.push_back(&db_);
}

rebuild_connection::~rebuild_connection() {
  if (stop_ == nullptr) return;
  const std::lock_guard guard(stop_->mutex_);
  std::erase(stop_->open_, &db_);
}

void check_stop(const rebuild_options& options) {
  if (options.stop != nullptr && options.stop->requested()) throw rebuild_stopped("the rebuild was stopped");
}

rebuild_pace default_rebuild_pace(const std::string& conninfo, const std::string& role) {
  pg::plain_connection db(conninfo, role, "synclog rebuild");
  const bool is_served = db.run("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = "
                                "current_database() AND application_name = $1)",
                                {std::string(server_name)})
                             .boolean(0, 0);
  if (is_served) return gentle_pace;
  return {.jobs = std::clamp(std::thread::hardware_concurrency(), 1U, most_default_jobs), .is_gentle = false};
}

// The same ones whatever the order in which connections meet them.
void field_misfits::counted::add_example(std::string one) {
  examples.insert(std::move(one));
  if (examples.size() > most_examples) examples.erase(std::prev(examples.end()));
}

void field_misfits::add(const field_misfits& other) {
  for (const auto& [field, more] : other.by_field) {
    counted& into = by_field[field];
    into.count += more.count;
    for (const std::string& example : more.examples)
      into.add_example(example);
  }
}

std::int64_t fill_shadow(const rebuild_options& options, const core::entity& definition,
                         const std::string& shadow, std::optional<std::int64_t> until,
                         std::int64_t expected_rows, field_misfits& misfits) {
  shared_progress progress(options, definition.name + (shadow.empty() ? ": reading" : ": folding"),
                           expected_rows);
  std::atomic<bool> any_misfit{false};
  std::atomic<std::int64_t> rows{0};
  std::mutex mutex;
  over_ranges(
      options, definition, until,
      [&](std::size_t, rebuild_connection& db, latest_pages& pages, const std::atomic<bool>& stopping) {
        shadow_writer writer(definition, shadow);
        while (!pages.is_done() && !stopping) {
          check_stop(options);
          const page_turn turn(options);
          const std::int64_t copied = writer.write(*db, pages, any_misfit);
          rows += copied;
          progress.add(copied);
          turn.rest(pages.bytes());
        }
        const std::lock_guard guard(mutex);
        misfits.add(writer.misfits());
      });
  return rows;
}

void build_indexes(const rebuild_options& options, const core::entity& definition,
                   const std::vector<table_ddl::index>& chosen) {
  shared_progress progress(options, definition.name + ": indexing", static_cast<std::int64_t>(chosen.size()));
  std::atomic<std::size_t> next{0};
  run_jobs(std::min<std::size_t>(options.pace.jobs, chosen.size()), [&](std::size_t,
                                                                        const std::atomic<bool>& stopping) {
    rebuild_connection db(options, definition.name);
    db->run(
        "SELECT set_config('maintenance_work_mem', $1, false), set_config('statement_timeout', $2, false)",
        {std::string(index_memory), std::string(index_timeout)});
    prepare_writing(*db, options);
    for (std::size_t at = next++; at < chosen.size() && !stopping; at = next++) {
      check_stop(options);
      db->run(chosen[at].build);
      progress.add(1);
    }
  });
}

table_differences compare_table(const rebuild_options& options, const core::entity& definition,
                                const std::string& table_name, std::optional<std::int64_t> complete_to,
                                std::int64_t expected_rows) {
  shared_progress progress(options, definition.name + ": comparing", expected_rows);
  table_differences all;
  std::mutex mutex;
  over_ranges(
      options, definition, std::nullopt,
      [&](std::size_t, rebuild_connection& db, latest_pages& pages, const std::atomic<bool>& stopping) {
        table_comparison comparison(*db, definition, table_name);
        table_differences found;
        while (!pages.is_done() && !stopping) {
          check_stop(options);
          const page_turn turn(options);
          const std::int64_t before = found.rows_compared;
          comparison.compare_page(pages, complete_to, found);
          progress.add(found.rows_compared - before);
          turn.rest(pages.bytes());
        }
        const std::lock_guard guard(mutex);
        all.add(found);
      });
  return all;
}

} // namespace synclog::projections
