// Many subscribers on few threads. Made, asked and stopped by the test's thread.
#pragma once
#include "tests/streams/subscriber.hpp"
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace synclog::tests::streams {

class swarm {
 public:
  // Starts them all. `shared` outlives it.
  swarm(std::vector<subscriber_options> members, std::uint64_t seed, swarm_settings& shared, int threads = 2);
  ~swarm();
  swarm(const swarm&) = delete;
  swarm& operator=(const swarm&) = delete;

  // Every subscription has its first answer.
  bool all_begun() const { return all_at(0); }
  // Every subscription has a cursor at this position or beyond.
  bool all_at(std::int64_t position) const { return count_at(position) == members_.size(); }
  std::size_t count_at(std::int64_t position) const; // broken ones count too: nothing more comes of them
  bool any_broken() const;
  // Every subscription has been told to resync at least once.
  bool all_resynced() const { return all_resynced_beyond(0, std::vector<std::int64_t>(cursors().size(), 1)); }
  // Where each subscription is, in the order of the members.
  std::vector<std::int64_t> cursors() const;
  // Every subscription that was beyond `position` at these cursors has been told to resync at least once.
  bool all_resynced_beyond(std::int64_t position, const std::vector<std::int64_t>& were_at) const;

  // Ends all threads and connections; then the members may be looked into.
  void stop();
  const std::vector<std::unique_ptr<subscriber>>& members() const { return members_; }
  // After stop(): every subscription against the log, but for what a resync has voided; each must have got to
  // `reached`. At most 20 sentences.
  std::vector<std::string> differences_from(const std::vector<logged>& log, std::int64_t reached) const;
  // After stop(): what a resync has voided against the log as it was then.
  std::vector<std::string> voided_differences_from(const std::vector<logged>& old_log) const;
  std::string summary() const;

 private:
  void run(std::size_t thread);
  std::vector<std::string> judge(const std::vector<logged>& log, bool voided, std::int64_t reached) const;

  swarm_settings& shared_;
  std::size_t thread_count_;
  std::vector<std::unique_ptr<subscriber>> members_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;
};

} // namespace synclog::tests::streams
