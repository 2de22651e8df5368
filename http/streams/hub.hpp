// Follows the feed for all subscribers: each new event is encoded once for every stream that it belongs to,
// and those who wait are woken. One coroutine on a strand of its own; a few milliseconds of gathering under
// load turn a hundred small writes into one. Thread-safe.
#pragma once
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "http/streams/bell.hpp"
#include "http/streams/channel.hpp"
#include "http/streams/counters.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>

namespace synclog::http::streams {

struct hub_options {
  std::size_t ring_bytes = 64u << 20;   // of ready frames, all streams together
  std::size_t channel_bytes = 4u << 20; // of one stream
  // Under load: from the beginning of one round to the next, unless writing to all takes longer.
  std::chrono::milliseconds longest_pause{8};
  std::size_t lanes = 0; // threads that write to subscribers at rest at the same time; 0 = half of the cores
};

class hub {
 public:
  hub(boost::asio::any_io_executor executor, eventstore::feed& feed, eventstore::log_reader& log,
      hub_options options = {});
  ~hub();
  hub(const hub&) = delete;
  hub& operator=(const hub&) = delete;

  // After the feed has started.
  void start();
  // After the last subscriber has left.
  boost::asio::awaitable<void> stop();

  // How far the streams have been filled, in which history.
  struct place {
    core::cursor at;
    std::uint64_t generation = 0; // of the feed
  };
  place where() const;

  // A subscriber's part in a channel; leaves it on destruction.
  class membership {
   public:
    membership() = default;
    membership(hub& owner, channel_ptr joined, bell& rung);
    ~membership();
    membership(membership&& other) noexcept;
    membership& operator=(membership&& other) noexcept;
    const channel& shared() const { return *channel_; }

   private:
    void leave();
    hub* hub_ = nullptr;
    channel_ptr channel_;
    bell* bell_ = nullptr;
    std::size_t group_ = 0; // of the channel's bells
  };
  // The channel of this view, made when nobody has it yet. `rung`, which outlives the membership, rings
  // whenever it has new frames.
  membership join(stream_view_ptr view, bell& rung);

  bell_sweep& sweep();
  stream_counters& counters();

  struct statistics {
    std::size_t channels = 0, ring_bytes = 0, subscribers = 0;
    std::uint64_t rounds = 0;
  };
  statistics stats() const;

 private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace synclog::http::streams
