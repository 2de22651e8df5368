// Twice as many candidates are held as wanted at most; then the later half goes, and from there on only what
// comes before it is taken.
#include "projections/search_scan.hpp"
#include "projections/byte_search.hpp"
#include <algorithm>
#include <utility>

namespace synclog::projections {

namespace {

constexpr std::uint64_t common_share = 64; // one record in so many has a common term
// The next record with a hit is looked for one by one for a while: common terms are in the next ones.
constexpr std::uint32_t near_records = 8;

// The first record from `from` on whose text ends behind `place`.
std::uint32_t record_at(const search_segment& texts, std::uint32_t from, std::uint32_t count,
                        std::size_t place) {
  for (const std::uint32_t near = std::min(count, from + near_records); from < near; ++from)
    if (texts.text_end(from) > place) return from;
  while (from < count) {
    const std::uint32_t middle = from + (count - from) / 2;
    if (texts.text_end(middle) > place)
      count = middle;
    else
      from = middle + 1;
  }
  return from;
}

} // namespace

search_scan::search_scan(search_snapshot texts, search_request request)
    : texts_(std::move(texts)), request_(std::move(request)) {
  request_.most = std::max<std::size_t>(request_.most, 1);
}

bool search_scan::step() {
  if (finished_) return false;
  if (next_ == texts_.size() || common_) {
    finish();
    return false;
  }
  const search_segment& segment = *texts_[next_];
  const std::uint32_t count = segment.size();
  const std::string_view all = count == 0 ? std::string_view() : segment.texts(count);
  std::size_t place = 0;
  std::uint32_t record = 0;
  while ((place = find_bytes(all, request_.term, place)) != std::string_view::npos && record < count) {
    record = record_at(segment, record, count, place);
    place = segment.text_end(record);
    if (!segment.is_gone(record)) take(record);
    ++record;
  }
  looked_at_ += count;
  ++next_;
  common_ =
      request_.common_count > 0 && found_ >= request_.common_count && found_ * common_share >= looked_at_;
  return true;
}

void search_scan::go_on() {
  common_ = finished_ = false;
  request_.common_count = 0;
}

bool search_scan::is_less(const order_prefix& key, std::string_view id, const order_prefix& other_key,
                          std::string_view other_id) const {
  if (request_.order == search_request::direction::none) return false;
  const bool ascending = request_.order == search_request::direction::ascending;
  if (key != other_key) return ascending ? key < other_key : other_key < key;
  if (request_.ties != search_request::equal_keys::by_id) return false;
  return ascending ? id < other_id : other_id < id;
}

bool search_scan::is_before(const order_prefix& key, std::string_view id, const search_place& other) const {
  return is_less(key, id, other.key, other.id);
}

void search_scan::take(std::uint32_t index) {
  const candidate found{texts_[next_]->key(index), static_cast<std::uint32_t>(next_), index};
  if (request_.from && is_before(found.key, id(found), *request_.from)) return;
  ++found_;
  if (cut_ && !is_before(found.key, id(found), *cut_)) return;
  candidates_.push_back(found);
  if (candidates_.size() >= 2 * request_.most) prune();
}

void search_scan::prune() {
  const auto first_out = candidates_.begin() + static_cast<std::ptrdiff_t>(request_.most);
  const auto before = [this](const candidate& left, const candidate& right) {
    return is_less(left.key, id(left), right.key, id(right));
  };
  std::nth_element(candidates_.begin(), first_out, candidates_.end(), before);
  cut_ = place(*first_out); // the first of those that go
  std::erase_if(candidates_, [this](const candidate& each) { return !is_before(each.key, id(each), *cut_); });
}

void search_scan::finish() {
  if (candidates_.size() > request_.most) prune();
  const auto before = [this](const candidate& left, const candidate& right) {
    return is_less(left.key, id(left), right.key, id(right));
  };
  std::sort(candidates_.begin(), candidates_.end(), before);
  finished_ = true;
}

} // namespace synclog::projections
