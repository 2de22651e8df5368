// Growing, jittered pauses between attempts to reach the database. Plain value, one per keeper.
#pragma once
#include <algorithm>
#include <chrono>
#include <random>

namespace synclog::eventstore::pg {

class backoff {
 public:
  backoff(std::chrono::milliseconds least, std::chrono::milliseconds most)
      : least_(least), most_(most), next_(least) {}

  // Between a half and the whole of the current pause, so that many clients of one database spread; doubles
  // up to the most.
  std::chrono::milliseconds next() {
    thread_local std::minstd_rand random{std::random_device{}()};
    const auto whole = std::max<std::int64_t>(next_.count(), 1);
    const auto pause = std::uniform_int_distribution<std::int64_t>((whole + 1) / 2, whole)(random);
    next_ = std::min(2 * next_, most_);
    return std::chrono::milliseconds(pause);
  }
  void reset() { next_ = least_; }

 private:
  std::chrono::milliseconds least_;
  std::chrono::milliseconds most_;
  std::chrono::milliseconds next_;
};

} // namespace synclog::eventstore::pg
