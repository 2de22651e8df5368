// One transaction of an import: verified events that follow each other, on their way into the log and the
// read tables. One thread at a time.
#pragma once
#include "eventstore/import_checks.hpp"
#include "eventstore/log_import.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace synclog::eventstore {

struct numbered_event {
  exported_event read;
  std::uint64_t line = 0; // of the file
  bool outgrown = false;  // see import_checks::verdict
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
  std::optional<core::problem> follow(std::span<const numbered_event> events, const import_checks& checks);
  std::size_t size() const { return known_.size(); }
  bool knows(const core::event& event) const { return known_.contains(key_of(event)); }

 private:
  using key = std::pair<std::string, std::string>;
  static key key_of(const core::event& event) { return {event.entity, event.record_id}; }
  std::map<key, record_progress> known_;
};

class import_batch {
 public:
  // `db`, `target` and `checks` outlive it. `adopt`: the identity that an empty log takes first.
  import_batch(pg::plain_connection& db, const import_target& target, const import_checks& checks)
      : db_(db), target_(target), checks_(checks), behind_(target.behind.begin(), target.behind.end()) {}

  // Saves them behind `before`, in one transaction. A problem: nothing was saved; malformed names the line.
  // Throws pg::unavailable, and pg::query_failed when the database refuses the rows.
  std::optional<core::problem> save(std::span<const numbered_event> events, const log_end& before,
                                    const std::optional<core::uuid>& adopt);

  // The same, and when the database refuses the rows, one by one up to the culprit; a read table that may be
  // left behind is no reason to refuse. `saved` counts them.
  std::optional<core::problem> save_to_culprit(std::span<const numbered_event> events, log_end before,
                                               std::optional<core::uuid> adopt, std::size_t& saved);

  // Those whose tables cannot follow these events are behind from now on, as save() has it.
  void find_behind(std::span<const numbered_event> events);
  // Whose read tables do not follow the log any more.
  const std::set<const core::entity*>& behind() const { return behind_; }

 private:
  std::optional<core::problem> write(std::span<const numbered_event> events, const log_end& before,
                                     const std::optional<core::uuid>& adopt);
  std::optional<core::problem> refuse_outdated(std::span<const numbered_event> events);
  void insert(std::span<const numbered_event> events);
  void project(std::span<const numbered_event> events);
  // Tells the database of those that are behind and have events here; returns them.
  std::vector<const core::entity*> leave_behind(std::span<const numbered_event> events);
  // The last state of each record, from the oldest to the newest.
  std::vector<const numbered_event*> last_states(std::span<const numbered_event> events) const;
  const core::entity& definition_of(const numbered_event& event) const;
  // The entity whose table refuses a row and may be left behind instead; null: none.
  const core::entity* may_fall_behind(const pg::failure& why) const;
  core::problem refused_by_database(const numbered_event& culprit, const pg::failure& why) const;

  pg::plain_connection& db_;
  const import_target& target_;
  const import_checks& checks_;
  std::set<const core::entity*> behind_;
  std::set<const core::entity*> told_; // of behind_: the database knows
};

} // namespace synclog::eventstore
