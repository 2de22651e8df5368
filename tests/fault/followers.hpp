// I7 in a fault run: subscribers of every kind that follow the log through all of it, by tests/streams.
// Blocking; the run's thread.
#pragma once
#include "streams/log_copy.hpp"
#include "streams/swarm.hpp"
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace synclog::tests::fault {

// Filtered ones hear of what is not theirs only by checkpoints, some seconds later.
enum class follower_kind : std::uint8_t { unfiltered, mixed };

struct followers_options {
  int count = 4;
  follower_kind kind = follower_kind::unfiltered;
  std::uint64_t seed = 1;
  std::function<std::uint16_t()> port; // 0 = nowhere; any thread
};

class followers {
 public:
  explicit followers(followers_options options);

  bool all_begun() const { return swarm_->all_begun(); }
  // Each has got to this position, or beyond.
  bool all_at(std::int64_t position) const { return swarm_->all_at(position); }
  std::size_t behind(std::int64_t position) const {
    return swarm_->members().size() - swarm_->count_at(position);
  }
  // Where each is, while nobody tells them anything.
  std::vector<std::int64_t> cursors() const { return swarm_->cursors(); }
  // The log has become one that ends at `head`: what those saw who were beyond it is void.
  void expect_resync(std::vector<streams::logged> old_log, std::int64_t head,
                     std::vector<std::int64_t> were_at) {
    old_log_ = std::move(old_log);
    new_head_ = head;
    were_at_ = std::move(were_at);
  }
  // Each of those has been told that the log is an older one. One that was away since before the backup has
  // nothing to be told.
  bool all_resynced() const { return swarm_->all_resynced_beyond(new_head_, were_at_); }
  // From now on they stay connected.
  void settle() { settings_.restless = false; }
  // Sentences that begin with "I7: " where one of them did not see its part of the log, every event once and
  // in order. Ends them.
  std::vector<std::string> judge(const std::vector<streams::logged>& log);
  std::string summary() const { return swarm_->summary(); }

 private:
  std::size_t resyncs() const;

  streams::swarm_settings settings_;
  std::unique_ptr<streams::swarm> swarm_;
  std::vector<streams::logged> old_log_;
  std::int64_t new_head_ = 0;
  std::vector<std::int64_t> were_at_;
};

} // namespace synclog::tests::fault
