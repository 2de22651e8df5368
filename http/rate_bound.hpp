// How much of something a caller may have a second, with some saved up while it asks for less: a token
// bucket, kept as the one moment at which it will be full again (the generic cell rate algorithm, ITU-T
// I.371). Who asks for much at once goes into debt and waits for it afterwards. Remembers so many callers at
// most, the last ones; whoever is forgotten begins with a full bucket. Any thread.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace synclog::http {

class rate_bound {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds saved_up{10};
  static constexpr std::size_t usual_callers = 65'536;

  // `per_second` 0: nothing is bounded.
  explicit rate_bound(std::size_t per_second, std::size_t max_callers = usual_callers);

  // Takes `count` when there is anything left, and answers zero. Else takes nothing and answers how long it
  // is until there is. `count` 0 only looks. `caller` "" has no bound.
  clock::duration take(std::string_view caller, std::size_t count, clock::time_point now);

  std::size_t callers() const; // remembered
  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  struct entry {
    std::string caller;
    clock::time_point full_at;
  };
  // Each with a lock of its own: every request passes here.
  struct shard {
    mutable std::mutex mutex;
    std::list<entry> entries;                                                   // the last used first
    std::unordered_map<std::string_view, std::list<entry>::iterator> by_caller; // views into entries
  };
  static constexpr std::size_t shard_count = 16;

  const std::size_t per_second_, max_in_shard_;
  std::array<shard, shard_count> shards_;
  std::atomic<std::uint64_t> refused_{0};
};

} // namespace synclog::http
