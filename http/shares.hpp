// How many of something there are at once, in all and for each caller: connections, streams, whole lists,
// searches. A caller is in the map for as long as it holds something, so the map is no larger than what it
// counts. Any thread.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

namespace synclog::http {

class shares {
 public:
  shares(std::size_t most, std::size_t most_each) : most_(most), most_each_(most_each) {}
  shares(const shares&) = delete;
  shares& operator=(const shares&) = delete;

  enum class outcome : std::uint8_t { taken, full, full_for_caller };

  // One of them, given back by the destructor. The `shares` outlive it.
  class share {
   public:
    share() = default;
    ~share() { give_back(); }
    share(share&& other) noexcept;
    share& operator=(share&& other) noexcept;
    explicit operator bool() const { return of_ != nullptr; }
    void give_back();

   private:
    friend class shares;
    shares* of_ = nullptr;
    std::string caller_;
  };

  // `caller` "" counts among all and has no bound of its own. `into` is given back first and changed only
  // when there is room.
  outcome take(const std::string& caller, share& into);

  std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  void give_back(const std::string& caller);

  const std::size_t most_, most_each_;
  std::atomic<std::uint64_t> refused_{0};
  std::mutex mutex_; // guards what follows
  std::size_t count_ = 0;
  std::unordered_map<std::string, std::size_t> by_caller_;
};

} // namespace synclog::http
