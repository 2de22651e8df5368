// See known_log.hpp.
#include "eventstore/known_log.hpp"

#include <algorithm>
#include <utility>

namespace synclog::eventstore {

namespace {

constexpr std::size_t entry_overhead = 256; // list node, place in the table, strings
constexpr std::size_t usual_entry = 512;

} // namespace

// Room for all beforehand: a table that is nearly full makes itself anew from time to time while entries come
// and go, and reads each of them for it.
known_log::known_log(std::size_t max_bytes) : max_bytes_(max_bytes) {
  by_key_.reserve(max_bytes_ / usual_entry);
}

void known_log::saw(const log_head& read) {
  if (head_ != read) forget_states();
  head_ = read;
}

void known_log::forget() {
  head_.reset();
  forget_states();
}

void known_log::forget_states() {
  by_key_.clear();
  entries_.clear();
  bytes_ = 0;
}

bool known_log::trusts(const core::entity& definition) const {
  return std::none_of(distrusted_.begin(), distrusted_.end(),
                      [&](const core::entity* one) { return one->name == definition.name; });
}

std::size_t known_log::size_of(const entry& one) {
  return entry_overhead + 2 * one.key.size() + one.state.doc.size();
}

// Valid until the next call.
std::string_view known_log::key_of(const core::entity& definition, std::string_view id) {
  scratch_.assign(definition.name).push_back('\0');
  return scratch_.append(id);
}

void known_log::put(const core::entity& definition, core::record_state state) {
  const auto key = key_of(definition, state.id);
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    const auto place = found->second;
    bytes_ -= size_of(*place);
    place->state = std::move(state);
    bytes_ += size_of(*place);
    entries_.splice(entries_.begin(), entries_, place);
  } else {
    entries_.push_front({std::string(key), std::move(state)});
    by_key_.emplace(entries_.front().key, entries_.begin());
    bytes_ += size_of(entries_.front());
  }
  while (bytes_ > max_bytes_ && !entries_.empty()) {
    bytes_ -= size_of(entries_.back());
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

const core::record_state* known_log::find(const core::entity& definition, std::string_view id) {
  const auto found = by_key_.find(key_of(definition, id));
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->state;
}

} // namespace synclog::eventstore
