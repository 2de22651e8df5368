// One transaction of the committer, without I/O: which state it must look up, what the commands come to in
// order, which rows that makes, and each request's answer. The committer sends the segments; tests drive it
// alone.
#pragma once
#include "core/chain.hpp"
#include "core/decide.hpp"
#include "eventstore/committer.hpp"
#include "eventstore/inline_projection.hpp"
#include "eventstore/pg/types.hpp"
#include "eventstore/stored_answer.hpp"
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace synclog::eventstore {

enum class batch_ending : std::uint8_t { commit, rollback };

class batch {
 public:
  static constexpr std::size_t all_commands = std::numeric_limits<std::size_t>::max();

  // `hasher` and `projection` outlive the batch.
  batch(const inline_projection& projection, core::chain_hasher& hasher, std::size_t max_record_bytes);

  // `request` outlives the batch. Only its first `command_limit` commands take part (all but while a culprit
  // is sought).
  void add(const write_request& request, std::size_t command_limit = all_commands);

  // First round trip: BEGIN, the head lock, then the reads, each a statement of its own.
  pg::segment lookups();
  void load(const pg::segment_result& answers);

  // Folds every command in order. Needs load() before.
  void decide(core::timestamp now);

  // Of the records that writes() sends: each goes into the log and, twice, into its read table.
  std::size_t bytes() const;
  bool writes_anything() const { return !events_.empty() || !new_answers_.empty(); }
  // Second round trip: rows, NOTIFY and the ending. With batch_ending::rollback it tells whether the rows
  // would do.
  pg::segment writes(batch_ending ending) const;

  const std::vector<core::event>& events() const { return events_; }
  core::cursor begin() const { return begin_; } // the head that the batch was decided on
  core::cursor end() const { return end_; }

  // Replayed answers need their records from the log: positions asked, and what came (position -> data).
  std::vector<std::int64_t> replayed_positions() const;
  void load_replayed(const pg::rows& data_by_position);

  // One a request, in the order of add(). Valid after the commit (or after decide() when nothing is written).
  std::vector<core::result<write_outcome>> take_answers();

 private:
  struct entry {
    const write_request* request = nullptr;
    std::size_t command_limit = all_commands;
    std::optional<std::size_t> answer_lookup; // ordinal in find_answers
    std::optional<stored_answer> stored;
    core::sha256_digest stored_fingerprint{};
    std::optional<std::size_t> repeats; // an earlier entry of this batch with the same key
    std::optional<core::result<write_outcome>> answer;
    core::position last_event;
  };

  void collect_lookups();
  void add_unique_probes(const core::command& wanted);
  void load_head(const pg::rows& rows);
  void load_records(const pg::rows& rows);
  void load_answers(const pg::rows& rows);
  void decide_entry(entry& current);
  void decide_commands(entry& current);
  bool answer_from_key(entry& current);
  void keep_answer(const entry& current, const std::vector<core::item_outcome>& items);
  void seal(core::event& made, const std::string& meta);
  void add_event_rows(pg::segment& work) const;
  void add_answer_rows(pg::segment& work) const;
  void add_projection_rows(pg::segment& work) const;

  struct new_answer {
    std::size_t entry_index = 0;
    std::string fingerprint;
    std::string text;
    std::int64_t first_position = 0;
  };

  const inline_projection* projection_;
  core::chain_hasher* hasher_;
  std::size_t max_record_bytes_;
  std::vector<entry> entries_;

  std::vector<std::pair<const core::entity*, std::string_view>> wanted_records_;
  std::vector<unique_probe> probes_;
  std::vector<std::pair<std::string_view, std::string_view>> wanted_answers_; // actor, key

  core::decision_state state_;
  core::cursor begin_, end_;
  core::sha256_digest end_hash_{};
  core::timestamp recorded_at_;
  core::timestamp last_recorded_at_;
  std::vector<core::event> events_;
  std::vector<const core::entity*> event_entities_; // beside events_
  std::vector<new_answer> new_answers_;
};

} // namespace synclog::eventstore
