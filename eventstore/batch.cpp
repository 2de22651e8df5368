// See batch.hpp.
#include "eventstore/batch.hpp"

#include "core/bytes.hpp"
#include "core/json.hpp"
#include "core/record.hpp"
#include "eventstore/head_lock.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <cstring>
#include <functional>
#include <tuple>
#include <unordered_map>

namespace synclog::eventstore {

namespace {

using core::bytes_of;

core::sha256_digest digest_of(std::string_view bytes) {
  core::sha256_digest digest{};
  if (bytes.size() != digest.size()) {
    core::invariant_broken("a stored hash has not 32 bytes");
  }
  std::memcpy(digest.data(), bytes.data(), digest.size());
  return digest;
}

std::string make_meta(const write_request& request) {
  std::string meta = "{\"actor\":";
  core::json::append_string(meta, request.caller.actor);
  const auto append = [&meta](std::string_view name, std::string_view value) {
    if (!value.empty()) {
      meta.append(",\"").append(name).append("\":");
      core::json::append_string(meta, value);
    }
  };
  append("request_id", request.request_id);
  append("idempotency_key", request.idempotency.key);
  append("origin", request.origin);
  append("user_agent", request.user_agent);
  meta += '}';
  return meta;
}

void add_unique_probes(const core::command& wanted, std::vector<unique_probe>& probes) {
  if (wanted.kind == core::command_kind::remove) return;
  const auto& fields = wanted.definition->fields;
  for (std::size_t index = 0; index < fields.size(); ++index) {
    if (fields[index].unique && wanted.fields.has(index) && !wanted.fields.is_null(index)) {
      probes.push_back({wanted.definition, index, core::field_plain_text(wanted.fields.get(index))});
    }
  }
}

bool before(const unique_probe& left, const unique_probe& right) {
  return std::tie(left.definition, left.field_index, left.value) <
         std::tie(right.definition, right.field_index, right.value);
}

template <class Item, class Order>
void sort_unique(std::vector<Item>& items, Order order) {
  std::sort(items.begin(), items.end(), order);
  const auto same = [&order](const Item& left, const Item& right) {
    return !order(left, right) && !order(right, left);
  };
  items.erase(std::unique(items.begin(), items.end(), same), items.end());
}

} // namespace

batch::batch(const inline_projection& projection, core::chain_hasher& hasher, std::size_t max_record_bytes)
    : projection_(&projection), hasher_(&hasher), max_record_bytes_(max_record_bytes) {}

void batch::add(const write_request& request, std::size_t command_limit) {
  auto& added = entries_.emplace_back();
  added.request = &request;
  added.command_limit = std::min(command_limit, request.commands.size());
}

void batch::want_answer(entry& current, lookup_round& round) {
  const auto& key = current.request->idempotency.key;
  if (key.empty()) return;
  const auto [found, fresh] =
      answer_ordinals_.try_emplace({current.request->caller.actor, key}, wanted_answers_.size());
  if (fresh) {
    wanted_answers_.emplace_back(current.request->caller.actor, key);
    ++round.answers;
  }
  current.answer_lookup = found->second;
}

// The same record or value may be wanted by many, and may have been asked for in an earlier round: once is
// enough.
batch::lookup_round batch::collect_lookups() {
  lookup_round round;
  round.first = rounds_.empty();
  round.first_answer = wanted_answers_.size();
  for (; looked_up_entries_ < entries_.size(); ++looked_up_entries_) {
    auto& current = entries_[looked_up_entries_];
    for (std::size_t index = 0; index < current.command_limit; ++index) {
      const auto& wanted = current.request->commands[index];
      if (wanted.rejected) continue;
      if (!wanted.id.empty()) round.records.emplace_back(wanted.definition, wanted.id);
      add_unique_probes(wanted, round.probes);
    }
    want_answer(current, round);
  }
  sort_unique(round.records, std::less<>());
  sort_unique(round.probes, before);
  for (const auto& earlier : rounds_) {
    std::erase_if(round.records, [&](const record_key& one) {
      return std::binary_search(earlier.records.begin(), earlier.records.end(), one);
    });
    std::erase_if(round.probes, [&](const unique_probe& one) {
      return std::binary_search(earlier.probes.begin(), earlier.probes.end(), one, before);
    });
  }
  return round;
}

pg::segment batch::lookups(in_transaction is_open) {
  pg::segment work;
  work.mark_explicit_transaction();
  auto round = collect_lookups();
  if (round.empty()) return work;
  round.locks = round.first && is_open == in_transaction::no;
  if (round.locks) {
    work.add(statements::begin);
    work.add(statements::lock_head, std::move(pg::params().int8(head_lock_key)));
  }
  if (round.first) work.add(statements::read_batch_head, {}, pg::result_format::binary);
  if (!round.records.empty()) {
    std::vector<std::string_view> entities;
    std::vector<std::string_view> ids;
    for (const auto& [definition, id] : round.records) {
      entities.push_back(definition->name);
      ids.push_back(id);
    }
    work.add(statements::latest_of_records, std::move(pg::params().text_array(entities).text_array(ids)),
             pg::result_format::binary);
  }
  if (round.answers > 0) {
    std::vector<std::string_view> actors;
    std::vector<std::string_view> keys;
    for (const auto& [actor, key] : std::span(wanted_answers_).subspan(round.first_answer)) {
      actors.push_back(actor);
      keys.push_back(key);
    }
    work.add(statements::find_answers, std::move(pg::params().text_array(actors).text_array(keys)),
             pg::result_format::binary);
  }
  if (!round.probes.empty()) projection_->add_probes(work, round.probes);
  rounds_.push_back(std::move(round));
  return work;
}

void batch::load(const pg::segment_result& answers) {
  const auto& round = rounds_.at(loaded_rounds_++);
  const auto& results = answers.results;
  std::size_t next = round.locks ? 2 : 0; // BEGIN and the lock answer nothing of use
  if (round.first) load_head(results.at(next++));
  if (!round.records.empty()) load_records(round, results.at(next++));
  if (round.answers > 0) load_answers(round, results.at(next++));
  if (!round.probes.empty()) load_probes(round, std::span(results).subspan(next));
}

void batch::load_probes(const lookup_round& round, std::span<const pg::rows> results) {
  std::vector<unique_holder> holders;
  projection_->read_probes(results, round.probes, holders);
  for (auto& holder : holders) {
    const auto& probe = round.probes.at(holder.probe);
    state_.put_holder(*probe.definition, probe.field_index, probe.value, holder.state.id);
    state_.put(*probe.definition, std::move(holder.state));
  }
}

void batch::load_head(const pg::rows& rows) {
  if (rows.size() != 1) core::invariant_broken("the head of the log is not one row");
  log_head head;
  head.revisions = rows.int8(0, 3);
  if (rows.is_null(0, 0)) {
    head.hash = hasher_->genesis();
    head.at = core::cursor::of({0}, head.hash);
  } else {
    head.hash = digest_of(rows.text(0, 1));
    head.at = core::cursor::of({rows.int8(0, 0)}, head.hash);
    head.recorded_at = {rows.timestamptz(0, 2)};
  }
  set_head(head);
}

void batch::set_head(const log_head& head) {
  begin_ = end_ = head.at;
  begin_hash_ = end_hash_ = head.hash;
  last_recorded_at_ = head.recorded_at;
  revisions_ = head.revisions;
}

void batch::load_records(const lookup_round& round, const pg::rows& rows) {
  for (int row = 0; row < rows.size(); ++row) {
    const auto& [definition, id] = round.records.at(static_cast<std::size_t>(rows.int8(row, 0) - 1));
    const auto action = core::event_action_from(rows.text(row, 3));
    // A record whose latest data was erased is gone: saving it again creates it anew, its versions counting
    // on.
    const bool erased = rows.is_null(row, 4);
    const bool live = action != core::event_action::deleted && !erased;
    state_.put(*definition, {std::string(id),
                             rows.int8(row, 1),
                             {rows.int8(row, 2)},
                             live,
                             erased ? std::string() : std::string(rows.text(row, 4))});
  }
}

void batch::load_answers(const lookup_round& round, const pg::rows& rows) {
  for (int row = 0; row < rows.size(); ++row) {
    const auto ordinal = round.first_answer + static_cast<std::size_t>(rows.int8(row, 0) - 1);
    auto stored = decode_answer(rows.text(row, 2));
    if (!stored) {
      core::invariant_broken("a stored answer cannot be read");
    }
    for (auto& current : entries_) {
      if (current.answer_lookup == ordinal) {
        current.stored = *stored;
        current.stored_fingerprint = digest_of(rows.text(row, 1));
      }
    }
  }
}

void batch::decide(core::timestamp now) {
  // One moment for the batch; a clock that was set back does not turn the log's time around.
  recorded_at_ = std::max(now, last_recorded_at_);
  for (auto& current : entries_) {
    decide_entry(current);
  }
}

void batch::decide_entry(entry& current) {
  if (current.answer_lookup && !current.request->dry_run && answer_from_key(current)) {
    return;
  }
  decide_commands(current);
}

// True when the key has been used before: then nothing is decided again.
bool batch::answer_from_key(entry& current) {
  const auto mismatch = [] {
    return core::make_problem(core::problem_code::idempotency_mismatch,
                              "this Idempotency-Key was used for another request");
  };
  if (current.stored) {
    if (current.stored_fingerprint != current.request->idempotency.fingerprint) {
      current.answer = mismatch();
      return true;
    }
    write_outcome replay;
    replay.items = current.stored->items;
    replay.at = current.stored->at;
    replay.replayed = true;
    current.answer = std::move(replay);
    return true;
  }
  for (std::size_t index = 0; &entries_[index] != &current; ++index) {
    auto& earlier = entries_[index];
    if (earlier.answer_lookup == current.answer_lookup && !earlier.request->dry_run && !earlier.repeats) {
      if (earlier.request->idempotency.fingerprint != current.request->idempotency.fingerprint) {
        current.answer = mismatch();
      } else {
        current.repeats = index;
      }
      return true;
    }
  }
  return false;
}

void batch::decide_commands(entry& current) {
  const auto& request = *current.request;
  const auto events_before = events_.size();
  const auto request_mark = state_.mark();
  const core::position first{end_.position.value + 1};
  auto next = first;
  write_outcome outcome;
  outcome.items.reserve(current.command_limit);
  bool any_rejected = false;
  for (std::size_t index = 0; index < current.command_limit; ++index) {
    const auto& wanted = request.commands[index];
    const auto mark = state_.mark();
    auto made = core::decide(state_, wanted, {next, recorded_at_, request.caller, max_record_bytes_});
    if (made.outcome.status == core::item_status::rejected) {
      any_rejected = true;
      state_.roll_back(mark);
    } else if (made.event) {
      events_.push_back(std::move(*made.event));
      event_entities_.push_back(wanted.definition);
      next = next.next();
    }
    outcome.items.push_back(std::move(made.outcome));
  }

  const bool fell = any_rejected && request.handling == bulk_handling::strict;
  if (fell || request.dry_run) {
    state_.roll_back(request_mark);
    events_.resize(events_before);
    event_entities_.resize(events_before);
    for (auto& item : outcome.items) {
      item.position = {};
      if (fell && item.status != core::item_status::rejected) {
        item = {core::item_status::rejected,
                item.id,
                0,
                {},
                {},
                core::make_problem(core::problem_code::aborted, "another item of this request was refused")};
      }
    }
  } else if (events_.size() > events_before) {
    const auto meta = make_meta(request);
    for (auto index = events_before; index < events_.size(); ++index) {
      seal(events_[index], meta);
    }
    current.last_event = end_.position;
    outcome.at = end_;
  }
  if (!request.idempotency.key.empty() && !request.dry_run &&
      current.command_limit == request.commands.size()) {
    keep_answer(current, outcome.items);
  }
  current.answer = std::move(outcome);
}

void batch::keep_answer(entry& current, const std::vector<core::item_outcome>& items) {
  // A failure of ours is no answer to keep, nor is that this server may not write the entity: the same key
  // may succeed later, or elsewhere.
  const bool failed = std::any_of(items.begin(), items.end(), [](const core::item_outcome& item) {
    return item.error && (item.error->code == core::problem_code::internal ||
                          item.error->code == core::problem_code::database_unavailable ||
                          item.error->code == core::problem_code::outdated_server);
  });
  if (failed) {
    return;
  }
  stored_answer kept;
  kept.at = end_;
  kept.items = items;
  new_answer row;
  row.entry_index = static_cast<std::size_t>(&current - entries_.data());
  row.fingerprint = std::string(bytes_of(current.request->idempotency.fingerprint));
  row.text = encode_answer(kept);
  for (const auto& item : items) {
    if (item.position.value > 0) {
      row.first_position = item.position.value;
      break;
    }
  }
  new_answers_.push_back(std::move(row));
  current.answer_kept = true;
}

// Completes an event and moves the end of the chain behind it.
void batch::seal(core::event& made, const std::string& meta) {
  core::fill_random(made.salt.data(), made.salt.size());
  made.meta = meta;
  const auto data_hash = hasher_->data_hash(bytes_of(made.salt), made.data);
  made.hash = hasher_->next(end_hash_, made, data_hash);
  end_hash_ = made.hash;
  end_ = core::cursor::of(made.position, made.hash);
}

std::vector<std::int64_t> batch::replayed_positions() const {
  std::vector<std::int64_t> positions;
  for (const auto& current : entries_) {
    if (current.stored && current.answer && current.answer->has_value()) {
      for (const auto& item : current.answer->value().items) {
        if (item.position.value > 0) {
          positions.push_back(item.position.value);
        }
      }
    }
  }
  return positions;
}

void batch::load_replayed(const pg::rows& data_by_position) {
  std::unordered_map<std::int64_t, std::string_view> docs;
  for (int row = 0; row < data_by_position.size(); ++row) {
    docs.emplace(data_by_position.int8(row, 0),
                 data_by_position.is_null(row, 1) ? "null" : data_by_position.text(row, 1));
  }
  for (auto& current : entries_) {
    if (current.stored && current.answer && current.answer->has_value()) {
      for (auto& item : current.answer->value().items) {
        if (const auto found = docs.find(item.position.value); found != docs.end()) {
          item.doc = std::string(found->second);
        }
      }
    }
  }
}

std::vector<core::result<write_outcome>> batch::take_answers() {
  std::vector<core::result<write_outcome>> answers;
  answers.reserve(entries_.size());
  for (auto& current : entries_) {
    if (current.repeats) {
      auto repeated = answers.at(*current.repeats);
      if (repeated) {
        repeated->replayed = true;
      }
      answers.push_back(std::move(repeated));
      continue;
    }
    if (!current.answer) {
      core::invariant_broken("a request of a batch was not decided");
    }
    if (current.stored && current.answer->has_value()) {
      const auto& items = (*current.answer)->items;
      const bool incomplete = std::any_of(items.begin(), items.end(), [](const core::item_outcome& item) {
        return item.position.value > 0 && item.doc.empty();
      });
      if (incomplete) {
        answers.push_back(core::make_problem(core::problem_code::database_unavailable,
                                             "the first answer could not be read again; repeat the request"));
        continue;
      }
    }
    if (*current.answer && !(*current.answer)->replayed && current.last_event.value == 0) {
      (*current.answer)->at = end_;
    }
    answers.push_back(std::move(*current.answer));
  }
  return answers;
}

} // namespace synclog::eventstore
