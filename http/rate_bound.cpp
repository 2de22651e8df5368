// See rate_bound.hpp.
#include "http/rate_bound.hpp"
#include <algorithm>
#include <functional>

namespace synclog::http {

namespace {

constexpr std::chrono::hours longest_debt{1}; // whatever was asked for at once

} // namespace

rate_bound::rate_bound(std::size_t per_second, std::size_t max_callers)
    : per_second_(per_second), max_in_shard_(std::max<std::size_t>(max_callers / shard_count, 1)) {}

rate_bound::clock::duration rate_bound::take(std::string_view caller, std::size_t count,
                                             clock::time_point now) {
  if (per_second_ == 0 || caller.empty()) return {};
  const auto cost_of = [this](std::size_t units) {
    const double seconds = static_cast<double>(units) / static_cast<double>(per_second_);
    const std::chrono::duration<double> most = longest_debt;
    return std::chrono::duration_cast<clock::duration>(
        std::min(std::chrono::duration<double>(seconds), most));
  };
  shard& part = shards_[std::hash<std::string_view>{}(caller) % shard_count];
  const std::lock_guard guard(part.mutex);
  const auto known = part.by_caller.find(caller);
  const auto full_at = known == part.by_caller.end() ? now : std::max(known->second->full_at, now);
  // Whoever keeps asking stays in memory, refused or not.
  if (known != part.by_caller.end()) part.entries.splice(part.entries.begin(), part.entries, known->second);
  const auto missing = full_at + cost_of(1) - (now + saved_up);
  if (missing > clock::duration::zero()) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return missing;
  }
  if (known != part.by_caller.end()) {
    known->second->full_at = full_at + cost_of(count);
    return {};
  }
  if (part.entries.size() >= max_in_shard_) {
    part.by_caller.erase(part.entries.back().caller);
    part.entries.pop_back();
  }
  part.entries.push_front({std::string(caller), full_at + cost_of(count)});
  part.by_caller.emplace(part.entries.front().caller, part.entries.begin());
  return {};
}

std::size_t rate_bound::callers() const {
  std::size_t count = 0;
  for (const shard& part : shards_) {
    const std::lock_guard guard(part.mutex);
    count += part.entries.size();
  }
  return count;
}

} // namespace synclog::http
