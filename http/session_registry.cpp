// See session_registry.hpp.
#include "http/session_registry.hpp"
#include "http/session.hpp"
#include <algorithm>
#include <tuple>
#include <utility>

namespace synclog::http {

namespace {

// More than these are just closed.
constexpr std::size_t most_refused = 64;
// Of all sessions, so many at most are chosen at one look to be parted with when others need their place:
// looking through all of them is not for each one of a crowd that comes.
constexpr std::size_t parting_share = 16, most_parted_with = 512;
// Beyond the capacity, for a moment: descriptor_limit.cpp leaves room for them.
constexpr std::size_t leaving_share = 8, least_leaving = 64, most_leaving = 1'024;
constexpr std::chrono::milliseconds look_pause{50};   // after a look that found none
constexpr std::chrono::milliseconds chosen_life{100}; // then others may have a better claim to go
constexpr std::size_t most_surplus = 64;              // parted with at one call

} // namespace

void session_registry::open(std::size_t capacity) {
  const std::lock_guard guard(mutex_);
  capacity_ = capacity;
  need_ = parting_need(std::clamp<std::size_t>(capacity / parting_share, 1, most_parted_with));
}

bool session_registry::find_place(clock::time_point now) {
  const std::lock_guard guard(mutex_);
  if (served() < capacity_) return true;
  // Those who were told to go are still there for a moment, or have begun to ask something instead.
  const bool is_crowded =
      served() >= capacity_ + std::clamp(capacity_ / leaving_share, least_leaving, most_leaving);
  return !is_crowded && part_with_next(now);
}

bool session_registry::may_refuse() const {
  const std::lock_guard guard(mutex_);
  return refused_ < most_refused;
}

void session_registry::add(session_ptr one) {
  const std::lock_guard guard(mutex_);
  sessions_.insert(std::move(one));
}

void session_registry::add_refused(session_ptr one) {
  const std::lock_guard guard(mutex_);
  sessions_.insert(std::move(one));
  ++refused_;
}

void session_registry::remove(const session_ptr& one) {
  const std::lock_guard guard(mutex_);
  sessions_.erase(one);
}

void session_registry::remove_refused(const session_ptr& one) {
  const std::lock_guard guard(mutex_);
  sessions_.erase(one);
  --refused_;
}

// The first `most` of those who wait for their client, for one reason or any.
std::vector<session_registry::candidate> session_registry::look_for(std::optional<waiting::reason> why,
                                                                    std::size_t most,
                                                                    clock::time_point now) const {
  std::vector<const session_ptr*> ones;
  std::vector<waiting::state> states;
  ones.reserve(sessions_.size());
  states.reserve(sessions_.size());
  for (const auto& one : sessions_) {
    const auto state = one->waits();
    if (state.why == waiting::reason::none || (why && state.why != *why)) continue;
    ones.push_back(&one);
    states.push_back(state);
  }
  std::vector<candidate> chosen;
  for (const std::size_t index : choose_to_part_with(states, most, now))
    chosen.push_back({*ones[index], states[index]});
  return chosen;
}

std::size_t session_registry::tell(const std::vector<candidate>& chosen) {
  for (const auto& [who, seen] : chosen)
    if (const auto one = who.lock()) one->part_with(seen);
  return chosen.size();
}

void session_registry::part_with(waiting::reason why, std::size_t most, clock::time_point now) {
  const std::lock_guard guard(mutex_);
  auto& look_from = look_from_[static_cast<std::size_t>(why)];
  if (now < look_from) return;
  const auto told = tell(look_for(why, most, now));
  // Places that were made are counted, those of slow ones only wished for.
  if (told == 0 || why >= waiting::reason::body) look_from = now + look_pause;
}

void session_registry::part_with_some(clock::time_point now) {
  const std::lock_guard guard(mutex_);
  if (now < look_at_all_from_) return;
  if (tell(look_for(std::nullopt, need_.next(now), now)) == 0) look_at_all_from_ = now + look_pause;
}

// False when nobody is left of those chosen who still waits for the same.
bool session_registry::tell_next() {
  while (!chosen_.empty()) {
    const auto seen = chosen_.back().seen;
    const auto who = chosen_.back().who.lock();
    chosen_.pop_back();
    if (!who || who->waits() != seen) continue; // it is gone, or has asked something
    who->part_with(seen);
    return true;
  }
  return false;
}

// Tells the next one to end, for somebody who needs the place. False when nobody waits for his client. One
// look chooses as many as were needed lately, but each is told only when one more comes: hundreds that end at
// once would hold up everybody else on their threads.
bool session_registry::part_with_next(clock::time_point now) {
  if (now < chosen_until_ && tell_next()) return true;
  const bool is_used_up = chosen_.empty();
  if (now < look_at_all_from_) return false;
  chosen_ = look_for(std::nullopt, is_used_up ? need_.next(now) : need_.same(now), now);
  chosen_until_ = now + chosen_life;
  if (chosen_.empty()) look_at_all_from_ = now + look_pause;
  const auto later = [](const candidate& left, const candidate& right) {
    return std::tie(left.seen.why, left.seen.since_us) > std::tie(right.seen.why, right.seen.since_us);
  };
  std::sort(chosen_.begin(), chosen_.end(), later);
  return tell_next();
}

// Only as many as there were at the last look, too: others are about to end.
void session_registry::part_with_surplus(clock::time_point now) {
  const std::lock_guard guard(mutex_);
  const std::size_t over = served() > capacity_ ? served() - capacity_ : 0;
  for (auto left = std::min({over, std::exchange(surplus_, over), most_surplus}); left > 0; --left)
    if (!part_with_next(now)) break;
}

std::size_t session_registry::check_deadlines(clock::time_point now) {
  const std::lock_guard guard(mutex_);
  std::size_t passed = 0;
  for (const auto& one : sessions_)
    passed += one->check_deadline(now) ? 1 : 0;
  return passed;
}

std::vector<session_registry::session_ptr> session_registry::all() const {
  const std::lock_guard guard(mutex_);
  return {sessions_.begin(), sessions_.end()};
}

std::size_t session_registry::size() const {
  const std::lock_guard guard(mutex_);
  return sessions_.size();
}

} // namespace synclog::http
