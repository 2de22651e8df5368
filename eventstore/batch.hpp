// One transaction of the committer, without I/O: which state it must look up, what the commands come to in
// order, which rows that makes, and each request's answer. The committer sends the segments; tests drive it
// alone.
#pragma once
#include "core/chain.hpp"
#include "core/decide.hpp"
#include "eventstore/committer.hpp"
#include "eventstore/inline_projection.hpp"
#include "eventstore/known_log.hpp"
#include "eventstore/pg/types.hpp"
#include "eventstore/stored_answer.hpp"
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace synclog::eventstore {

enum class batch_ending : std::uint8_t { commit, rollback };
// Whether the transaction has begun and holds the head lock already.
enum class in_transaction : std::uint8_t { no, yes };

class batch {
 public:
  static constexpr std::size_t all_commands = std::numeric_limits<std::size_t>::max();

  // `hasher` and `projection` outlive the batch.
  batch(const inline_projection& projection, core::chain_hasher& hasher, std::size_t max_record_bytes);

  // `request` outlives the batch. Only its first `command_limit` commands take part (all but while a culprit
  // is sought).
  void add(const write_request& request, std::size_t command_limit = all_commands);
  std::size_t size() const { return entries_.size(); }

  // What must be read for the requests added since the last call, each read a statement of its own; the first
  // round begins with BEGIN and the head lock. Empty when nothing more need be asked. Every round's answer is
  // loaded, in order, before decide(). Without requests: the lock and the head alone.
  pg::segment lookups(in_transaction is_open = in_transaction::no);
  void load(const pg::segment_result& answers);

  // Folds every command in order.
  void decide(core::timestamp now);

  // Instead of look-ups and decide(): on what is known. A record that is not known is taken for new, and a
  // value for free: writes_whole() has the database prove both. False when something about the requests must
  // be looked up; the batch is then of no further use.
  bool decide_on_known(known_log& known, core::timestamp now);

  // Of the records that writes() sends: each goes into the log and, twice, into its read table.
  std::size_t bytes() const;
  bool writes_anything() const { return !events_.empty() || !new_answers_.empty(); }
  // Second round trip: rows, NOTIFY and the ending. With batch_ending::rollback it tells whether the rows
  // would do.
  pg::segment writes(batch_ending ending) const;
  // Behind decide_on_known(): the whole transaction in one round trip. The head lock, then a statement that
  // fails if the log does not end where it was known to, or if other definitions were adopted; then as
  // writes(). A failure with the index of that statement says that what was known is out of date;
  // unique_violation, that a record or a value was not new.
  pg::segment writes_whole() const;
  static constexpr std::size_t fence_index = 2; // among the queries of writes_whole()

  const std::vector<core::event>& events() const { return events_; }
  core::cursor begin() const { return begin_; } // the head that the batch was decided on
  core::cursor end() const { return end_; }
  log_head head_before() const { return {begin_, begin_hash_, last_recorded_at_, revisions_}; }
  log_head head_after() const;
  // The records as the batch leaves them, and the head behind it, for whoever decides on them.
  void teach(known_log& known) const;
  // The sum of the revisions of the definitions that the database had adopted when the head was read.
  std::int64_t revisions() const { return revisions_; }

  // Replayed answers need their records from the log: positions asked, and what came (position -> data).
  std::vector<std::int64_t> replayed_positions() const;
  void load_replayed(const pg::rows& data_by_position);

  // One a request, in the order of add(). Valid after the commit (or after decide() when nothing is written).
  std::vector<core::result<write_outcome>> take_answers();

 private:
  using record_key = std::pair<const core::entity*, std::string_view>; // id

  struct entry {
    const write_request* request = nullptr;
    std::size_t command_limit = all_commands;
    std::optional<std::size_t> answer_lookup; // index into wanted_answers_
    std::optional<stored_answer> stored;
    core::sha256_digest stored_fingerprint{};
    std::optional<std::size_t> repeats; // an earlier entry of this batch with the same key
    bool answer_kept = false;           // new_answers_ has it
    std::optional<core::result<write_outcome>> answer;
    core::position last_event;
  };

  // What one lookups() asked, in the order of its ordinals.
  struct lookup_round {
    bool first = false; // with the head
    bool locks = false; // with BEGIN and the head lock
    std::vector<record_key> records;
    std::vector<unique_probe> probes;
    std::size_t first_answer = 0, answers = 0; // in wanted_answers_

    bool empty() const { return !first && records.empty() && probes.empty() && answers == 0; }
  };

  lookup_round collect_lookups();
  void want_answer(entry& current, lookup_round& round);
  void load_head(const pg::rows& rows);
  void load_records(const lookup_round& round, const pg::rows& rows);
  void load_answers(const lookup_round& round, const pg::rows& rows);
  void load_probes(const lookup_round& round, std::span<const pg::rows> results);
  void set_head(const log_head& head);
  void put_known(const core::entity& definition, const core::record_state& state);
  bool can_be_proven() const;
  void decide_entry(entry& current);
  void decide_commands(entry& current);
  bool answer_from_key(entry& current);
  void keep_answer(entry& current, const std::vector<core::item_outcome>& items);
  void seal(core::event& made, const std::string& meta);
  void add_rows(pg::segment& work) const;
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

  std::vector<lookup_round> rounds_;
  std::size_t loaded_rounds_ = 0;
  std::size_t looked_up_entries_ = 0;                                         // of entries_, from the front
  std::vector<std::pair<std::string_view, std::string_view>> wanted_answers_; // actor, key
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> answer_ordinals_;

  core::decision_state state_;
  std::vector<std::int64_t> built_on_; // positions of the known states that were decided on
  core::cursor begin_, end_;
  std::int64_t revisions_ = 0;
  core::sha256_digest begin_hash_{}, end_hash_{};
  core::timestamp recorded_at_;
  core::timestamp last_recorded_at_;
  std::vector<core::event> events_;
  std::vector<const core::entity*> event_entities_; // beside events_
  std::vector<new_answer> new_answers_;
};

} // namespace synclog::eventstore
