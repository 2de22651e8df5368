// The clients of a fault run: threads with a connection each that send one request after another, try again
// what had no answer (half of the time), and now and then repeat what was acknowledged. Created and stopped
// by the run's thread.
#pragma once
#include "fault/history.hpp"
#include "fault/requests.hpp"
#include "fault/wire.hpp"
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace synclog::tests::fault {

struct writers_options {
  int count = 64;
  std::uint64_t seed = 1;                            // of what they send, and in their keys
  std::chrono::milliseconds answer_patience{35'000}; // longer than the server's deadline of 30 s
  std::chrono::milliseconds retry_patience{60'000};
  std::chrono::milliseconds rest_between{0}; // about; between two operations of a writer
  // Of the first request; that of another era of the same run goes on from there.
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  std::function<std::uint16_t()> port; // where the server listens now; 0 = nowhere. Called from all threads.
};

class writers {
 public:
  // `kept` outlives it.
  writers(writers_options options, history& kept);
  ~writers();
  writers(const writers&) = delete;
  writers& operator=(const writers&) = delete;

  // One create on a connection of its own, with little patience: a writer may be stuck with a request of
  // before a fault. Called by the thread that made the object; part of the history like any other.
  void probe();
  // One lenient bulk of so many large records, sent like a probe but with patience; false when it was not
  // acknowledged.
  bool save_many(std::size_t records);

  // Ends the load: every writer finishes what it is at, retries included, and its thread ends.
  void stop();

  // Microseconds since the start of the run, as in the history.
  std::int64_t now_us() const;
  // When the latest of the acknowledged requests was sent: past the moment of a fault = the service is back.
  std::int64_t latest_acknowledged_us() const { return latest_acknowledged_us_; }
  // Retries that were given up without an answer; zero when the service came back as promised.
  std::uint64_t given_up() const { return given_up_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  // The highest position that an answer named.
  std::int64_t latest_position() const { return latest_position_; }

 private:
  struct writer_state;
  void work(int number);
  bool attempt_once(writer_state& self, planned& wanted, std::chrono::milliseconds patience);
  void carry_out(writer_state& self, planned& wanted);
  void repeat(writer_state& self, planned& done);
  bool rest(std::chrono::milliseconds time);

  writers_options options_;
  history* history_;
  std::atomic<std::int64_t> latest_acknowledged_us_{0};
  std::atomic<std::int64_t> latest_position_{0};
  std::atomic<std::uint64_t> given_up_{0};
  std::atomic<std::uint64_t> acknowledged_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopping_{false};
  std::unique_ptr<writer_state> prober_;
  std::vector<std::thread> threads_;
};

} // namespace synclog::tests::fault
