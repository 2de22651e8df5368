// Thousands of subscribers in one thread: opens them as server-sent events or WebSockets, reads what comes
// with epoll, and looks in each frame only for what is counted: the event's number, hence its delay. The
// owner calls from one thread; a thread of its own reads.
#pragma once
#include "bench/send_log.hpp"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace synclog::tests::bench {

struct subscriber_plan {
  enum class wire : std::uint8_t { sse, websocket };
  wire speaks = wire::sse;
  std::string target;      // "/api/events"
  std::string first_frame; // of a WebSocket, what subscribes; empty = nothing is sent
  std::string ready_mark;  // what the server has sent when the subscription stands; empty = its answer's head
};

// What one subscriber has received since it was opened.
struct received {
  std::uint64_t events = 0;
  std::uint64_t numbers = 0; // their sum: with the count it says that each came, and once
  friend bool operator==(const received&, const received&) = default;
};

class subscribers {
 public:
  explicit subscribers(const send_log& sent);
  ~subscribers(); // closes all
  subscribers(const subscribers&) = delete;
  subscribers& operator=(const subscribers&) = delete;

  // Opens one for each plan and begins to read. How many seconds it took. Throws std::runtime_error when one
  // is refused or the server does not get on.
  double open(std::uint16_t port, const std::vector<subscriber_plan>& plans);

  // From now on only delays of events with these numbers are kept; forgets earlier ones.
  void keep_delays(std::uint64_t first, std::uint64_t behind_last);
  struct delays {
    // From the moment that the publisher sent the POST, and from when it had the answer (0 when the event was
    // delivered before).
    delay_histogram from_sent, from_acknowledged;
  };
  delays kept_delays() const;
  std::uint64_t delivered() const; // events to all, since they were opened
  std::uint64_t bytes() const;     // of events' text, without framing
  std::vector<received> tallies() const;
  // "" while every connection is open; else what became of the first that was not.
  std::string failure() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

// Raises RLIMIT_NOFILE to what is allowed; throws std::runtime_error when that is less than `wanted`.
void allow_descriptors(std::size_t wanted);

} // namespace synclog::tests::bench
