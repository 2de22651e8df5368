// Where subscribers find their channels: those of events and those of live queries are filled by a follower
// each, so that nobody waits for a question that only the others have. Thread-safe.
#pragma once
#include "core/problem.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "http/streams/bell.hpp"
#include "http/streams/channel.hpp"
#include "http/streams/counters.hpp"
#include "http/streams/follower.hpp"
#include "http/streams/hub_options.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>

namespace synclog::http::streams {

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

  // A subscriber's part in a channel; leaves it on destruction.
  class membership {
   public:
    membership() = default;
    membership(follower& filled_by, channel_ptr joined, bell& rung);
    ~membership();
    membership(membership&& other) noexcept;
    membership& operator=(membership&& other) noexcept;
    const channel& shared() const { return *channel_; }
    // How far the channel has been filled.
    stream_place where() const { return follower_->where(); }

   private:
    void leave();
    follower* follower_ = nullptr;
    channel_ptr channel_;
    bell* bell_ = nullptr;
    std::size_t group_ = 0; // of the channel's bells
  };
  // The channel of this view, made when nobody has it yet; `overloaded` when there are too many. `rung`,
  // which outlives the membership, rings whenever it has new frames.
  core::result<membership> join(stream_view_ptr view, bell& rung);

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
