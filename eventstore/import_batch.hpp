// One transaction of an import: verified events that follow each other, on their way into the log and the
// read tables. One thread at a time.
#pragma once
#include "eventstore/import_checks.hpp"
#include "eventstore/inline_projection.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace synclog::eventstore {

struct numbered_event {
  exported_event read;
  std::uint64_t line = 0; // of the file
};

struct log_end {
  core::position position;
  core::sha256_digest hash{}; // meaningless at 0
  core::timestamp recorded_at{std::numeric_limits<std::int64_t>::min()};
};

// The last event; the lock is the caller's. Position 0: none.
log_end read_end(pg::plain_connection& db);

core::problem refuse_line(std::uint64_t line, const std::string& what);

// Distinct records of the events, in order of appearance, each with the history that the log has of it.
class record_histories {
 public:
  // Asks for those that are not known yet.
  void load(pg::plain_connection& db, std::span<const numbered_event> events);
  // The first event that cannot follow; each moves its record on.
  std::optional<core::problem> follow(std::span<const numbered_event> events);
  std::size_t size() const { return known_.size(); }
  bool knows(const core::event& event) const { return known_.contains(key_of(event)); }

 private:
  using key = std::pair<std::string, std::string>;
  static key key_of(const core::event& event) { return {event.entity, event.record_id}; }
  std::map<key, record_progress> known_;
};

class import_batch {
 public:
  // `db`, `entities` and `projection` outlive it. `adopt`: the identity that an empty log takes first.
  import_batch(pg::plain_connection& db, const core::catalog& entities, const inline_projection& projection)
      : db_(db), entities_(entities), projection_(projection) {}

  // Saves them behind `before`, in one transaction. A problem: nothing was saved; malformed names the line.
  // Throws pg::unavailable, and pg::query_failed when the database refuses the rows.
  std::optional<core::problem> save(std::span<const numbered_event> events, const log_end& before,
                                    const std::optional<core::uuid>& adopt);

  // The same, and when the database refuses the rows, one by one up to the culprit. `saved` counts them.
  std::optional<core::problem> save_to_culprit(std::span<const numbered_event> events, log_end before,
                                               std::optional<core::uuid> adopt, std::size_t& saved);

 private:
  std::optional<core::problem> write(std::span<const numbered_event> events, const log_end& before,
                                     const std::optional<core::uuid>& adopt);
  std::optional<core::problem> refuse_outdated(std::span<const numbered_event> events);
  void insert(std::span<const numbered_event> events);
  void project(std::span<const numbered_event> events);
  core::problem refused_by_database(const numbered_event& culprit, const pg::failure& why) const;

  pg::plain_connection& db_;
  const core::catalog& entities_;
  const inline_projection& projection_;
};

} // namespace synclog::eventstore
