// The newest events, encoded once, in a ring bounded in bytes; and the tail that keeps it complete and in
// order: the local committer publishes, other servers' events are read from the log on a hint (NOTIFY) or by
// polling. Subscribers are cursors: they read what lies after their position and wait for more. Thread-safe.
#pragma once
#include "core/event.hpp"
#include "core/event_filter.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/pg/types.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::eventstore {

// One event as the feed holds it: immutable, shared by every subscriber.
struct feed_event {
  core::cursor at;
  std::string entity, record_id, branch, previous_branch;
  core::event_action action = core::event_action::created;
  std::int64_t version = 0;
  bool moved = false;                             // the branch changed: previous_branch counts
  std::chrono::steady_clock::time_point known_at; // when this server learnt of it
  core::encoded_event encoded;

  core::event_keys keys() const { return {entity, record_id, action, branch, previous_branch, moved}; }
};
using feed_event_ptr = std::shared_ptr<const feed_event>;
feed_event_ptr make_feed_event(const core::event& source);

struct feed_options {
  std::size_t ring_bytes = 64u << 20;
  std::size_t warm_events = 1'000; // of the log's end, read at start: who reconnects needs them
  std::chrono::milliseconds poll_interval{1'000};
};

struct feed_page {
  std::vector<feed_event_ptr> events; // contiguous, ascending, unfiltered
  core::cursor end;                   // where the reader stands after them
  // The log no longer has what this reader has read (it was restored from an older state): go on from head().
  bool history_changed = false;
};

class feed {
 public:
  feed(boost::asio::any_io_executor executor, log_reader& log, feed_options options = {});
  ~feed();

  // Learns the head from the log; throws pg::unavailable. Then keeps the tail until stop().
  boost::asio::awaitable<void> start(pg::deadline until);
  boost::asio::awaitable<void> stop();

  // The committer's call after its commit: events contiguous among themselves, the first of them behind
  // `after`. When that is not the feed's head (another server wrote in between, or the log has another
  // history now) the tail fetches what lies between, in order.
  void publish(core::cursor after, const std::vector<core::event>& committed);
  // "There may be more in the log."
  void hint();

  core::cursor head() const;
  // Grows when the log under the server is found to be of another history: what lay beyond is void.
  std::uint64_t generation() const;
  // The cursor of a position that the ring holds, or of the head.
  std::optional<core::cursor> known_cursor(core::position where) const;
  // The last position at which an entity changed, as far as known: exact when the feed has followed it since
  // start, else the head at start. Never before a change that this server acknowledged or streamed.
  core::cursor last_change(std::string_view entity) const;
  // The same for one record. Records share places in a table of bounded size, so it may be that of another,
  // later change; never an earlier one than its own.
  core::cursor last_change(std::string_view entity, std::string_view record_id) const;

  // Up to the bounds, after `after`; from the ring when it reaches back that far, else from the log: one path
  // for catch-up and live. Empty when `after` is the head. Throws pg::unavailable when the log must be read
  // and cannot.
  boost::asio::awaitable<feed_page> read_after(core::cursor after, page_bounds bounds, pg::deadline until);

  // What read_after() answers without asking the log; nothing when it would have to.
  std::optional<feed_page> held_after(core::cursor after, page_bounds bounds) const;

  // True as soon as the head is beyond `after`; false when `until` passes or the feed stops. Resumes on the
  // caller's executor.
  boost::asio::awaitable<bool> wait_beyond(core::position after, pg::deadline until);

  struct statistics {
    std::size_t ring_bytes = 0, ring_events = 0, waiting = 0;
    std::uint64_t tail_reads = 0, published = 0;
  };
  statistics stats() const;

 private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace synclog::eventstore
