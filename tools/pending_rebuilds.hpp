// The rebuilds that a server does beside serving: of read tables whose definition has changed. One thread of
// its own, one table after the other; what fails is tried again.
#pragma once
#include "core/entity.hpp"
#include "projections/awaited_rebuilds.hpp"
#include "projections/rebuild.hpp"
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace synclog::tools {

class pending_rebuilds {
 public:
  // The definitions and `awaited`, which is told how they fare, outlive it. `how` says where; its stop and
  // progress are this object's.
  pending_rebuilds(projections::rebuild_options how, std::vector<const core::entity*> definitions,
                   projections::awaited_rebuilds& awaited);
  ~pending_rebuilds(); // stop()
  pending_rebuilds(const pending_rebuilds&) = delete;
  pending_rebuilds& operator=(const pending_rebuilds&) = delete;

  void start();
  // Interrupts what runs, which leaves the old table, and waits for the thread.
  void stop();

 private:
  void run();
  // True when nothing is left to do for it.
  bool try_one(const core::entity& definition);
  bool wait(std::chrono::milliseconds time); // false when stopped

  projections::rebuild_options how_;
  std::vector<const core::entity*> left_;
  projections::awaited_rebuilds& awaited_;
  projections::rebuild_stop stop_;
  bool disk_full_ = false; // the thread's own
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false, ended_ = false; // under the mutex
  std::jthread thread_;
};

} // namespace synclog::tools
