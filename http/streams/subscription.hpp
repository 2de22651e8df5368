// One subscriber's way through the log: a cursor, never a queue. Near the head it takes the ready bytes of
// its channel, further back it encodes pages of the feed or the log; one loop, one position that only grows.
// Belongs to its session: its strand, or its mutex while the stream rests.
#pragma once
#include "http/services.hpp"
#include "http/streams/counters.hpp"
#include "http/streams/hub.hpp"
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::http::streams {

struct subscription_start {
  core::cursor at{};              // everything up to here is known to the client
  std::uint64_t generation = 0;   // of the feed, read before `at` was checked
  bool needs_resync = false;      // the client's own cursor was void: it is told to reload
  std::string_view reason{};      // with needs_resync
  bool ends_with_history = false; // it shows nothing of another history: its owner looks at history_changed()
};

class subscription {
 public:
  using clock = std::chrono::steady_clock;

  // `with` and `own`, the client's form of the channel's frames, outlive it.
  subscription(const services& with, hub::membership channel, subscription_start start,
               const wire_format& own);

  // What may be written now, in one piece: frames, control frames, or nothing. The bytes stay good until the
  // next call. Throws pg::unavailable when the log must be read and cannot.
  struct portion {
    std::string_view bytes;
    bool more = false; // call again without waiting for the bell
    std::shared_ptr<const void> holds;
    std::size_t events = 0;
    clock::time_point known_at{}; // of the oldest event, when it came from memory
  };
  boost::asio::awaitable<portion> next();
  // The same when it takes no waiting: no value when the log must be read.
  std::optional<portion> ready();
  // Nothing is written for a while: gives its buffer back.
  void rest() { std::string().swap(out_); }
  // After `bytes` have been written.
  void count_sent(const portion& done) const;

  // When next() wants to be called even if the bell has not rung: a checkpoint is due.
  clock::time_point next_control() const;
  // It has been behind for too long, though it had caught up before: tell it `bye`.
  bool too_slow() const;
  // The history changed under it: its view may have to begin anew (live queries take a new snapshot).
  bool history_changed() const;

  // Its channel, for another subscription of the same view; this one is over.
  hub::membership give_channel() { return std::move(channel_); }

  // Where another subscription of the same client may take over: what the client holds, `at` included once it
  // is told that it starts there.
  subscription_start place() const { return {at_, generation_, !pending_resync_.empty(), pending_resync_}; }

  const core::cursor& at() const { return at_; } // looked at up to here
  const stream_view& view() const { return channel_.shared().view(); }

 private:
  boost::asio::awaitable<portion> catch_up();
  eventstore::page_bounds page_bounds_now() const;
  portion take_ready(byte_ring::slice slice);
  portion at_head(const core::cursor& head);
  portion resync(const stream_place& now, std::string_view reason);
  portion own(bool more);
  bool checkpoint_is_due() const;
  void note_shown(const core::cursor& at);
  void leave_head();

  const services& with_;
  const wire_format& format_;
  hub::membership channel_;
  core::cursor at_;
  core::position told_;     // the newest position that the client holds as its cursor
  core::position previous_; // the last event shown, or the start
  std::uint64_t generation_;
  std::string_view pending_resync_;
  std::string out_; // frames of its own; given back when idle
  counted_bytes held_;
  std::size_t own_events_ = 0;
  bool caught_up_ = false;
  bool at_head_ = false; // nothing was behind it when it last looked
  bool ends_with_history_;
  clock::time_point last_frame_;
  clock::time_point last_fresh_; // the last moment at which it was near the head
};

} // namespace synclog::http::streams
