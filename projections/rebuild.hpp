// Rebuilds a read table from the log beside a serving one: a shadow is filled from the log by several
// connections, indexed, caught up and compared row by row while the old table serves on; then, under the head
// lock, the last rest is applied and compared and the two change places in one transaction. Whatever goes
// wrong before that commit leaves the old table as it is. Blocking; the caller's thread and one less than the
// pace's jobs.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/verify_log.hpp"
#include "projections/table_compare.hpp"
#include <atomic>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace synclog::projections {

// Ends a rebuild from another thread: its statements are interrupted. Outlives the rebuild.
class rebuild_stop {
 public:
  // May be repeated until the rebuild has returned: a statement that began just then is missed once.
  void request();
  bool requested() const { return requested_; }

 private:
  friend class rebuild_connection;
  std::atomic<bool> requested_{false};
  std::mutex mutex_;
  std::vector<eventstore::pg::plain_connection*> open_;
};

struct rebuild_pace {
  unsigned jobs = 1; // connections that work at once
  // Of one connection, for others are served meanwhile: it writes a little at a time, waits until that is on
  // the disk, rests twice as long, and leaves the other cores alone.
  bool is_gentle = false;
};
inline constexpr rebuild_pace gentle_pace{.jobs = 1, .is_gentle = true};

struct rebuild_options {
  std::string conninfo, role;
  rebuild_pace pace;
  // Stages "clients: folding", …; called from one thread at a time, not always the same.
  eventstore::progress_callback progress;
  rebuild_stop* stop = nullptr;
};

// Gentle while a server works on this database, otherwise a connection a core, at most 4. Throws
// pg::unavailable.
rebuild_pace default_rebuild_pace(const std::string& conninfo, const std::string& role);

struct rebuild_result {
  bool rebuilt = false; // false: another one had brought the table to this definition meanwhile
  bool adopted = false; // the database took over the definition with it
  std::int64_t rows = 0;
  std::int64_t left_overs = 0; // shadows of interrupted runs that were dropped
  double seconds = 0;
};

// Another process rebuilds this entity now; what() says which.
class rebuild_busy : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
// rebuild_stop was requested.
class rebuild_stopped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class rebuild_when : std::uint8_t { always, when_layout_differs };

// Rebuilds the entity's table for `definition` and, when that is newer than the database's, has the database
// adopt it in the same commit. Throws preparation_refused (old events do not satisfy the definition,
// something depends on the table, the database's definition is newer: nothing was changed), rebuild_busy,
// rebuild_stopped, pg::unavailable, pg::query_failed, std::runtime_error (the rebuilt table is not the log's
// fold; it is dropped).
rebuild_result rebuild_table(const rebuild_options& options, const core::entity& definition,
                             rebuild_when when = rebuild_when::always);

// What rebuild_table would change. Writes nothing.
struct rebuild_preview {
  std::vector<std::string> layout;    // "column loyalty (text) is added", …
  std::vector<std::string> obstacles; // why rebuild_table would refuse
  table_differences rows;
  bool any() const { return !layout.empty() || !obstacles.empty() || rows.rows_differing > 0; }
};
rebuild_preview preview_rebuild(const rebuild_options& options, const core::entity& definition);

} // namespace synclog::projections
