// See answer_memory.hpp.
#include "http/answer_memory.hpp"

#include <utility>

namespace synclog::http {

namespace {

constexpr std::size_t entry_overhead = 256; // of the list, the map and the strings, roughly

} // namespace

kept_answer_ptr answer_memory::find(const std::string& key, const core::cursor& change) {
  const std::lock_guard guard(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end() || found->second->answer->change != change) {
    ++missed_;
    return nullptr;
  }
  ++found_;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->answer;
}

void answer_memory::keep(std::string key, kept_answer answer) {
  const std::size_t bytes = key.size() + answer.body.size() + answer.link.size() + entry_overhead;
  if (bytes > max_bytes_ / 8) return;
  auto kept = std::make_shared<const kept_answer>(std::move(answer));
  const std::lock_guard guard(mutex_);
  if (const auto old = by_key_.find(key); old != by_key_.end()) drop(old->second);
  entries_.push_front({std::move(key), std::move(kept), bytes});
  by_key_.emplace(entries_.front().key, entries_.begin());
  bytes_ += bytes;
  while (bytes_ > max_bytes_)
    drop(std::prev(entries_.end()));
}

void answer_memory::drop(std::list<entry>::iterator which) {
  bytes_ -= which->bytes;
  by_key_.erase(which->key);
  entries_.erase(which);
}

answer_memory::statistics answer_memory::stats() const {
  const std::lock_guard guard(mutex_);
  return {entries_.size(), bytes_, found_, missed_};
}

} // namespace synclog::http
