// Followers of a stream, as many as wanted: opened as server-sent events or WebSockets, then read with one
// epoll a thread. Each knows its cursor, so that a missed or repeated event is seen. The owner calls from one
// thread.
#pragma once
#include "tools/load/histogram.hpp"
#include "tools/load/load_plan.hpp"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace synclog::tools::load {

enum class transport : std::uint8_t { sse, websocket };
enum class delay_begin : std::uint8_t {
  sent,     // the {sent} of this run's own writes, monotonic clock
  recorded, // the event's recorded_at, wall clock: when it was written, by whomever
};

struct subscription_plan {
  socket_address address;
  transport speaks = transport::sse;
  std::size_t count = 1;
  std::size_t threads = 1;
  // Filled in turn: subscriber i takes requests[i % size], and the frame likewise. The request is the whole
  // head.
  std::vector<std::string> requests;
  std::vector<std::string> first_frames; // of a WebSocket; empty = nothing is sent
  std::string ready_mark; // in what the server has sent when the subscription stands; "" = its head
  delay_begin from = delay_begin::sent;
  std::chrono::nanoseconds timeout = std::chrono::seconds(10); // without any being opened
};

struct subscriber_figures {
  std::uint64_t delivered = 0;   // events in the measured time
  std::uint64_t event_bytes = 0; // of these, without framing
  std::uint64_t received = 0;    // of this run's own writes (delay_begin::sent), else all, over the whole run
  std::uint64_t gaps = 0; // events whose `previous` is past the subscriber's cursor: one was missed before
  std::uint64_t repeated = 0;  // events at or before the cursor
  std::uint64_t unchecked = 0; // events that do not say their place
  std::uint64_t lost = 0;      // subscribers whose connection broke
  histogram delay;
  double cpu_seconds = 0; // of the threads, in the measured time
  double busiest = 0;     // of one of them
  std::string first_error;

  void merge(const subscriber_figures& other);
};

class subscribers {
 public:
  explicit subscribers(subscription_plan plan);
  ~subscribers(); // closes all
  subscribers(const subscribers&) = delete;
  subscribers& operator=(const subscribers&) = delete;

  // Opens all; the problem says why one could not be, or that the server does not get on. Once.
  core::result<void> open(std::stop_token stop);
  double open_seconds() const;
  // Counts by this clock from now on; it outlives close().
  void watch(const run_clock& clock);
  // So far, all threads together; cheap enough to ask often.
  std::uint64_t received() const;
  std::uint64_t lost() const;
  // Ends the threads and says what came.
  subscriber_figures close();

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace synclog::tools::load
