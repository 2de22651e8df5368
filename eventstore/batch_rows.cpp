// The rows that a decided batch sends: events, read tables, answers under keys. The other half of batch.hpp.
#include "core/bytes.hpp"
#include "eventstore/batch.hpp"
#include "eventstore/event_row.hpp"
#include "eventstore/head_lock.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace synclog::eventstore {

namespace {

// Bounds of one INSERT: beyond them PostgreSQL's per-statement memory grows for nothing.
constexpr std::size_t max_rows_a_statement = 2'000;
constexpr std::size_t max_bytes_a_statement = 8u << 20;

using core::bytes_of;

} // namespace

std::size_t batch::bytes() const {
  std::size_t total = 0;
  for (const auto& made : events_) {
    total += 3 * made.data.size() + made.meta.size();
  }
  for (const auto& row : new_answers_) {
    total += row.text.size();
  }
  return total;
}

pg::segment batch::writes(batch_ending ending) const {
  pg::segment work;
  add_rows(work);
  if (ending == batch_ending::rollback) {
    // Deferred constraints would be checked by the COMMIT that does not come.
    work.add_sql("SET CONSTRAINTS ALL IMMEDIATE");
    work.add(statements::rollback);
    return work;
  }
  if (!events_.empty()) {
    work.add(statements::notify_head);
  }
  work.add(statements::commit);
  return work;
}

pg::segment batch::writes_whole() const {
  pg::segment work;
  work.add(statements::begin);
  work.add(statements::lock_head, std::move(pg::params().int8(head_lock_key)));
  pg::params expected;
  expected.int8(begin_.position.value).bytea(bytes_of(begin_hash_)).int8(revisions_);
  work.add(statements::fence_head, std::move(expected));
  add_rows(work);
  work.add(statements::notify_head);
  work.add(statements::commit);
  return work;
}

void batch::add_rows(pg::segment& work) const {
  if (!built_on_.empty()) work.add(statements::fence_erased, std::move(pg::params().int8_array(built_on_)));
  add_event_rows(work);
  add_projection_rows(work);
  add_answer_rows(work);
}

// Most batches of an idle server are of one event, and an array of one costs the database more than its row.
void batch::add_event_rows(pg::segment& work) const {
  if (events_.size() == 1) {
    work.add(statements::insert_event, event_values(events_.front()));
    return;
  }
  std::size_t index = 0;
  while (index < events_.size()) {
    pg::row_array rows(event_row_attributes);
    do {
      add_event_row(rows, events_[index]);
    } while (++index < events_.size() && rows.rows() < max_rows_a_statement &&
             rows.size_in_bytes() < max_bytes_a_statement);
    work.add(statements::insert_events, std::move(rows).as_parameter());
  }
}

void batch::add_projection_rows(pg::segment& work) const {
  if (events_.empty()) {
    return;
  }
  // Only the last state of each record: two rows for one key in one upsert are an error, and one is enough.
  std::vector<record_change> changes;
  std::unordered_map<const core::entity*, std::unordered_set<std::string_view>> seen;
  for (auto index = events_.size(); index-- > 0;) {
    const auto& made = events_[index];
    if (seen[event_entities_[index]].insert(made.record_id).second) {
      const bool gone = made.action == core::event_action::deleted;
      changes.push_back(
          {event_entities_[index], made.record_id, gone ? std::string_view{} : std::string_view{made.data}});
    }
  }
  std::reverse(changes.begin(), changes.end());
  projection_->add_writes(work, changes);
}

void batch::add_answer_rows(pg::segment& work) const {
  if (new_answers_.empty()) {
    return;
  }
  std::vector<std::string_view> actors, keys, fingerprints, texts;
  std::vector<std::int64_t> positions, times;
  for (const auto& row : new_answers_) {
    const auto& request = *entries_[row.entry_index].request;
    actors.push_back(request.caller.actor);
    keys.push_back(request.idempotency.key);
    fingerprints.push_back(row.fingerprint);
    texts.push_back(row.text);
    positions.push_back(row.first_position);
    times.push_back(recorded_at_.micros);
  }
  pg::params values;
  values.text_array(actors).text_array(keys).bytea_array(fingerprints).text_array(texts, pg::oid_json);
  values.int8_array(positions).timestamptz_array(times);
  work.add(statements::insert_answers, std::move(values));
}

} // namespace synclog::eventstore
