// A batch that is decided without asking the database first. The third part of batch.hpp.
//
// What is assumed, and what proves it before anything is saved:
// - The log ends where it was known to: the fence, behind the head lock.
// - A known record is as it was known: the same, for states are kept only while nobody else writes. That
//   its data was not erased, which is no event: a fence of its own.
// - An unknown record never existed: version 1 is in the log once, by unique (entity, record_id, version).
// - An unknown value is free: the read table's unique index (known_log::trusts), if it is held at the end.
// - An Idempotency-Key was never used: the primary key of synclog.idempotency.
// A proof needs a row that is written. So whoever gets an answer for which no row speaks (a refusal by the
// state, a dry run) has the batch looked up.
#include "eventstore/batch.hpp"

#include "core/record.hpp"
#include <algorithm>

namespace synclog::eventstore {

namespace {

// Of a batch beyond it no state is remembered: it would push out all the others.
constexpr std::size_t max_taught_events = 2'000;

bool is_refused(const core::item_outcome& item) {
  return item.status == core::item_status::rejected;
}

} // namespace

bool batch::decide_on_known(known_log& known, core::timestamp now) {
  if (!known.head() || known.head()->at.position.value == 0) return false;
  for (const auto& current : entries_) {
    if (current.request->dry_run || current.command_limit != current.request->commands.size()) return false;
    for (const auto& wanted : current.request->commands) {
      if (wanted.rejected) continue;
      if (!known.trusts(*wanted.definition)) return false;
      const auto* state = wanted.id.empty() ? nullptr : known.find(*wanted.definition, wanted.id);
      if (state != nullptr) {
        put_known(*wanted.definition, *state);
      } else if (wanted.kind != core::command_kind::save) {
        return false;
      }
    }
  }
  lookup_round not_asked;
  for (auto& current : entries_)
    want_answer(current, not_asked);
  set_head(*known.head());
  decide(now);
  return can_be_proven();
}

// With the values that it holds: the read table sees only where the batch ends, and would not mind a value
// that was taken before its holder gave it up. But the log must be sound at every position.
void batch::put_known(const core::entity& definition, const core::record_state& state) {
  state_.put(definition, state);
  built_on_.push_back(state.position.value);
  const auto has_unique_fields = std::any_of(definition.fields.begin(), definition.fields.end(),
                                             [](const core::field& one) { return one.unique; });
  if (!state.live || !has_unique_fields) return;
  const auto stands = core::decode_record(definition, state.doc);
  if (!stands) core::invariant_broken("a known record cannot be read");
  for (std::size_t index = 0; index < definition.fields.size(); ++index) {
    if (definition.fields[index].unique && stands->fields.has(index) && !stands->fields.is_null(index)) {
      state_.put_holder(definition, index, core::field_plain_text(stands->fields.get(index)), state.id);
    }
  }
}

bool batch::can_be_proven() const {
  if (events_.empty() || state_.took_unproven_value()) return false;
  for (const auto& current : entries_) {
    if (current.repeats || !current.answer->has_value()) continue; // the first use of its key speaks for it
    const auto& commands = current.request->commands;
    const auto& items = current.answer->value().items;
    for (std::size_t index = 0; index < items.size(); ++index) {
      if (is_refused(items[index]) && !commands[index].rejected) return false;
    }
    if (current.answer_lookup && !current.answer_kept) return false;
  }
  return true;
}

log_head batch::head_after() const {
  return {end_, end_hash_, events_.empty() ? last_recorded_at_ : recorded_at_, revisions_};
}

void batch::teach(known_log& known) const {
  known.expect(head_after());
  if (events_.size() > max_taught_events) {
    known.forget_states();
    return;
  }
  for (std::size_t index = 0; index < events_.size(); ++index) {
    const auto& made = events_[index];
    const bool live = made.action != core::event_action::deleted;
    known.put(*event_entities_[index], {made.record_id, made.version, made.position, live, made.data});
  }
}

} // namespace synclog::eventstore
