// See shares.hpp.
#include "http/shares.hpp"
#include <utility>

namespace synclog::http {

shares::share::share(share&& other) noexcept
    : of_(std::exchange(other.of_, nullptr)), caller_(std::move(other.caller_)) {}

shares::share& shares::share::operator=(share&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  of_ = std::exchange(other.of_, nullptr);
  caller_ = std::move(other.caller_);
  return *this;
}

void shares::share::give_back() {
  if (of_ != nullptr) std::exchange(of_, nullptr)->give_back(caller_);
}

shares::outcome shares::take(const std::string& caller, share& into) {
  into.give_back();
  const std::lock_guard guard(mutex_);
  auto refusal = outcome::taken;
  if (count_ >= most_) refusal = outcome::full;
  // Who has too much himself should hear that, however full it is.
  if (!caller.empty()) {
    const auto held = by_caller_.find(caller);
    if (held != by_caller_.end() && held->second >= most_each_) refusal = outcome::full_for_caller;
  }
  if (refusal != outcome::taken) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return refusal;
  }
  ++count_;
  if (!caller.empty()) ++by_caller_[caller];
  into.of_ = this;
  into.caller_ = caller;
  return outcome::taken;
}

void shares::give_back(const std::string& caller) {
  const std::lock_guard guard(mutex_);
  --count_;
  if (caller.empty()) return;
  const auto held = by_caller_.find(caller);
  if (--held->second == 0) by_caller_.erase(held);
}

} // namespace synclog::http
