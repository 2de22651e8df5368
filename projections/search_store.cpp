// See search_store.hpp. A segment half of whose records are gone gives the others to the open segment: memory
// stays below twice what lives, and each change moves at most two records.
#include "projections/search_store.hpp"
#include "core/problem.hpp"
#include <algorithm>
#include <cstring>
#include <functional>

namespace synclog::projections {

namespace {

constexpr std::uint32_t bits_a_word = 64;
constexpr std::size_t words = search_segment::max_records / bits_a_word;
constexpr std::size_t most_segments = UINT32_MAX / search_segment::max_records;

} // namespace

search_segment::search_segment(std::size_t text_bytes, std::size_t id_bytes)
    : text_capacity_(text_bytes), id_capacity_(id_bytes),
      texts_(std::make_unique_for_overwrite<char[]>(text_bytes)),
      ids_(std::make_unique_for_overwrite<char[]>(id_bytes)),
      entries_(std::make_unique_for_overwrite<entry[]>(max_records)),
      gone_(std::make_unique<std::atomic<std::uint64_t>[]>(words)) {}

bool search_segment::has_room(std::string_view id, std::string_view text) const {
  const std::uint32_t count = size();
  if (count == max_records) return false;
  const std::size_t text_start = count == 0 ? 0 : entries_[count - 1].text_end;
  const std::size_t id_start = count == 0 ? 0 : entries_[count - 1].id_end;
  return text.size() < text_capacity_ - text_start && id.size() <= id_capacity_ - id_start;
}

std::uint32_t search_segment::append(std::string_view id, std::string_view text, order_prefix key) {
  const std::uint32_t index = size();
  const std::size_t text_start = index == 0 ? 0 : entries_[index - 1].text_end;
  const std::size_t id_start = index == 0 ? 0 : entries_[index - 1].id_end;
  std::copy(text.begin(), text.end(), texts_.get() + text_start);
  texts_[text_start + text.size()] = '\0';
  std::copy(id.begin(), id.end(), ids_.get() + id_start);
  entries_[index] = {key, static_cast<std::uint32_t>(text_start + text.size() + 1),
                     static_cast<std::uint32_t>(id_start + id.size())};
  ++living_;
  count_.store(index + 1, std::memory_order_release); // whoever sees the count sees the record
  return index;
}

void search_segment::mark_gone(std::uint32_t index) {
  gone_[index / bits_a_word].fetch_or(std::uint64_t{1} << (index % bits_a_word), std::memory_order_relaxed);
  --living_;
}

bool search_segment::is_gone(std::uint32_t index) const {
  return ((gone_[index / bits_a_word].load(std::memory_order_relaxed) >> (index % bits_a_word)) & 1U) != 0;
}

std::string_view search_segment::text(std::uint32_t index) const {
  const std::size_t start = index == 0 ? 0 : entries_[index - 1].text_end;
  return {texts_.get() + start, entries_[index].text_end - start - 1};
}

std::string_view search_segment::id(std::uint32_t index) const {
  const std::size_t start = index == 0 ? 0 : entries_[index - 1].id_end;
  return {ids_.get() + start, entries_[index].id_end - start};
}

std::size_t search_segment::bytes() const {
  const std::uint32_t count = size();
  if (count == 0) return sizeof(*this);
  return sizeof(*this) + words * sizeof(std::uint64_t) + entries_[count - 1].text_end +
         entries_[count - 1].id_end + count * sizeof(entry);
}

std::size_t search_store::by_id_hash::operator()(std::string_view id) const {
  return std::hash<std::string_view>{}(id);
}

std::size_t search_store::by_id_hash::operator()(place where) const {
  return (*this)(store->segment_of(where).id(where % search_segment::max_records));
}

bool search_store::by_id_equal::operator()(std::string_view id, place where) const {
  return store->segment_of(where).id(where % search_segment::max_records) == id;
}

search_store::search_store() : places_(0, by_id_hash{this}, by_id_equal{this}) {}

void search_store::set(std::string_view id, std::string_view text, order_prefix key) {
  forget(id);
  if (loading_) removed_.erase(std::string(id));
  append(id, text, key);
}

void search_store::remove(std::string_view id) {
  forget(id);
  if (loading_) removed_.emplace(id);
}

void search_store::load(std::string_view id, std::string_view text, order_prefix key) {
  if (places_.contains(id) || removed_.contains(id)) return;
  append(id, text, key);
}

void search_store::loaded() {
  loading_ = false;
  removed_.clear();
}

void search_store::clear() {
  const std::lock_guard guard(mutex_);
  places_ = decltype(places_)(0, by_id_hash{this}, by_id_equal{this});
  segments_.clear();
  free_numbers_.clear();
  removed_.clear();
  open_ = segment_bytes_ = 0;
  loading_ = true;
}

void search_store::open_segment(std::string_view id, std::string_view text) {
  auto made = std::make_shared<search_segment>(std::max(search_segment::usual_bytes, text.size() + 1),
                                               std::max(search_segment::usual_bytes, id.size()));
  const std::lock_guard guard(mutex_);
  if (open_ < segments_.size() && segments_[open_]) segment_bytes_ += segments_[open_]->bytes();
  if (free_numbers_.empty()) {
    if (segments_.size() == most_segments) core::invariant_broken("more search texts than can be numbered");
    open_ = segments_.size();
    segments_.push_back(std::move(made));
    return;
  }
  open_ = free_numbers_.back();
  free_numbers_.pop_back();
  segments_[open_] = std::move(made);
}

void search_store::append(std::string_view id, std::string_view text, order_prefix key) {
  if (open_ >= segments_.size() || !segments_[open_]->has_room(id, text)) open_segment(id, text);
  const std::uint32_t index = segments_[open_]->append(id, text, key);
  places_.insert(static_cast<place>(open_ * search_segment::max_records + index));
}

bool search_store::forget(std::string_view id) {
  const auto known = places_.find(id);
  if (known == places_.end()) return false;
  const place where = *known;
  const std::size_t number = where / search_segment::max_records;
  places_.erase(known);
  search_segment& holder = *segments_[number];
  holder.mark_gone(where % search_segment::max_records);
  if (number != open_ && holder.living() * 2 < holder.size()) evacuate(number);
  return true;
}

void search_store::evacuate(std::size_t number) {
  const std::shared_ptr<search_segment> left = segments_[number];
  for (std::uint32_t index = 0; index < left->size(); ++index) {
    if (left->is_gone(index)) continue;
    places_.erase(places_.find(left->id(index)));
    append(left->id(index), left->text(index), left->key(index));
  }
  segment_bytes_ -= left->bytes();
  const std::lock_guard guard(mutex_);
  segments_[number].reset();
  free_numbers_.push_back(number);
}

std::size_t search_store::bytes() const {
  constexpr std::size_t bytes_a_place = 8; // the set's, about
  const std::size_t open = open_ < segments_.size() && segments_[open_] ? segments_[open_]->bytes() : 0;
  return segment_bytes_ + open + places_.size() * bytes_a_place;
}

search_snapshot search_store::snapshot() const {
  search_snapshot taken;
  const std::lock_guard guard(mutex_);
  taken.reserve(segments_.size());
  for (const auto& each : segments_)
    if (each) taken.push_back(each);
  return taken;
}

} // namespace synclog::projections
