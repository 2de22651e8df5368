// See unread_answers.hpp. Who goes is looked for among all, but only when there is no room, and each look
// makes some.
#include "http/unread_answers.hpp"
#include "http/waiting.hpp"
#include <algorithm>

namespace synclog::http {

namespace {

constexpr std::size_t most_told = 8;   // to go, for one that comes
constexpr std::size_t much_larger = 4; // times as large

} // namespace

unread_answers::answer::answer(unread_answers& all, std::string caller, std::function<void(parting)> cut)
    : all_(all), caller_(std::move(caller)), cut_(std::move(cut)) {
  const std::lock_guard guard(all_.mutex_);
  all_.answers_.insert(this);
}

unread_answers::answer::~answer() {
  const std::lock_guard guard(all_.mutex_);
  all_.set(*this, 0, false);
  all_.answers_.erase(this);
}

bool unread_answers::answer::hold(std::size_t bytes, clock::time_point behind_since, clock::time_point now) {
  const std::lock_guard guard(all_.mutex_);
  const auto before = bytes_;
  behind_since_ = behind_since;
  all_.set(*this, bytes, leaving_);
  return bytes <= before || leaving_ || all_.make_room(*this, now);
}

void unread_answers::answer::stay(clock::time_point behind_since) {
  const std::lock_guard guard(all_.mutex_);
  behind_since_ = behind_since;
  all_.set(*this, bytes_, false);
}

std::size_t unread_answers::bytes() const {
  const std::lock_guard guard(mutex_);
  return bytes_;
}

// All sums follow from here.
void unread_answers::set(answer& one, std::size_t bytes, bool leaving) {
  bytes_ -= one.bytes_;
  if (one.leaving_) {
    leaving_bytes_ -= one.bytes_;
  } else if (one.bytes_ > 0 && !one.caller_.empty()) {
    const auto held = by_caller_.find(one.caller_);
    held->second -= one.bytes_;
    if (held->second == 0) by_caller_.erase(held);
  }
  one.bytes_ = bytes;
  one.leaving_ = leaving;
  bytes_ += bytes;
  if (leaving)
    leaving_bytes_ += bytes;
  else if (bytes > 0 && !one.caller_.empty())
    by_caller_[one.caller_] += bytes;
}

bool unread_answers::make_room(answer& newcomer, clock::time_point now) {
  const bool is_small = newcomer.bytes_ <= small_bytes;
  for (std::size_t told = 0; bytes_ - leaving_bytes_ > most_bytes_; ++told) {
    if (told == most_told) return is_small;
    const auto [goes, why] = choose(newcomer, now);
    if (goes == &newcomer) return false;
    set(*goes, goes->bytes_, true);
    goes->cut_(why);
  }
  // Those who were told to go are there for a moment more.
  return is_small || bytes_ <= most_bytes_ + most_bytes_ / 4;
}

// Of the large ones: of who has more than his share; or whose reader is far behind; or the largest, for a
// small or much smaller one. When all are small, one of the first two kinds. Else the newcomer itself.
std::pair<unread_answers::answer*, unread_answers::parting> unread_answers::choose(answer& newcomer,
                                                                                   clock::time_point now) {
  const bool is_small = newcomer.bytes_ <= small_bytes;
  std::size_t least = small_bytes + 1;
  const auto would_go = [&newcomer, &least, is_small](const answer* one) {
    return one != nullptr && one->bytes_ >= least && !(is_small && one == &newcomer);
  };
  for (;; least = 0) {
    if (auto* one = largest_of_heaviest_caller(); would_go(one)) return {one, parting::has_most};
    if (auto* one = furthest_behind(now - unhurried, least); would_go(one)) return {one, parting::is_behind};
    if (auto* one = largest();
        least > 0 && would_go(one) && (is_small || one->bytes_ >= much_larger * newcomer.bytes_))
      return {one, parting::has_most};
    if (!is_small || least == 0) return {&newcomer, parting::has_most};
  }
}

unread_answers::answer* unread_answers::largest_of_heaviest_caller() {
  const auto less = [](const auto& left, const auto& right) { return left.second < right.second; };
  const auto heaviest = std::max_element(by_caller_.begin(), by_caller_.end(), less);
  if (heaviest == by_caller_.end() || heaviest->second <= most_bytes_ / caller_share) return nullptr;
  answer* found = nullptr;
  for (answer* one : answers_)
    if (!one->leaving_ && one->caller_ == heaviest->first &&
        (found == nullptr ||
         std::pair(one->bytes_, found->behind_since_) > std::pair(found->bytes_, one->behind_since_)))
      found = one;
  return found;
}

unread_answers::answer* unread_answers::furthest_behind(clock::time_point latest, std::size_t least) {
  answer* found = nullptr;
  for (answer* one : answers_)
    if (!one->leaving_ && one->bytes_ >= least && one->behind_since_ <= latest &&
        (found == nullptr || one->behind_since_ < found->behind_since_))
      found = one;
  return found;
}

unread_answers::answer* unread_answers::largest() {
  answer* found = nullptr;
  for (answer* one : answers_)
    if (!one->leaving_ && (found == nullptr || one->bytes_ > found->bytes_)) found = one;
  return found;
}

} // namespace synclog::http
