// The rows that a decided batch sends: events, read tables, answers under keys. The other half of batch.hpp.
#include "eventstore/batch.hpp"
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

std::string_view bytes_of(const auto& array) {
  return {reinterpret_cast<const char*>(array.data()), array.size()};
}

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

// Texts and JSON travel as their bytes: in binary they are the same. Dozens of arrays of one would cost the
// database more than the row.
void batch::add_one_event(pg::segment& work) const {
  const auto& made = events_.front();
  pg::params values;
  values.int8(made.position.value).timestamptz(made.recorded_at.micros).int8(made.version);
  values.bytea(core::to_string(made.action)).bytea(made.entity).bytea(made.record_id);
  if (made.branch.empty()) {
    values.null();
  } else {
    values.bytea(made.branch);
  }
  if (made.previous_branch) {
    values.bytea(*made.previous_branch);
  } else {
    values.null();
  }
  values.bytea(made.data).bytea(bytes_of(made.salt)).bytea(made.meta).bytea(bytes_of(made.hash));
  work.add(statements::insert_event, std::move(values));
}

void batch::add_event_rows(pg::segment& work) const {
  if (events_.size() == 1) {
    add_one_event(work);
    return;
  }
  std::size_t begin = 0;
  while (begin < events_.size()) {
    std::vector<std::int64_t> positions, times, versions;
    std::vector<std::string_view> actions, entities, ids, data, salts, metas, hashes;
    std::vector<std::optional<std::string_view>> branches, previous;
    std::size_t bytes = 0;
    auto index = begin;
    for (; index < events_.size() && index - begin < max_rows_a_statement && bytes < max_bytes_a_statement;
         ++index) {
      const auto& made = events_[index];
      positions.push_back(made.position.value);
      times.push_back(made.recorded_at.micros);
      versions.push_back(made.version);
      actions.push_back(core::to_string(made.action));
      entities.push_back(made.entity);
      ids.push_back(made.record_id);
      branches.push_back(made.branch.empty() ? std::nullopt : std::optional<std::string_view>(made.branch));
      previous.push_back(made.previous_branch ? std::optional<std::string_view>(*made.previous_branch)
                                              : std::nullopt);
      data.push_back(made.data);
      salts.push_back(bytes_of(made.salt));
      metas.push_back(made.meta);
      hashes.push_back(bytes_of(made.hash));
      bytes += made.data.size() + made.meta.size() + made.record_id.size();
    }
    pg::params values;
    values.int8_array(positions).timestamptz_array(times).int8_array(versions).text_array(actions).text_array(
        entities);
    values.text_array(ids).nullable_text_array(branches).nullable_text_array(previous).text_array(
        data, pg::oid_json);
    values.bytea_array(salts).text_array(metas, pg::oid_json).bytea_array(hashes);
    work.add(statements::insert_events, std::move(values));
    begin = index;
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
