// Follows the feed for one set of channels: each new event is encoded once for every stream that it belongs
// to, and those who wait are woken. The hub owns two: streams of events wait for nothing, live queries wait
// for the log. One coroutine on a strand of its own; the rest is thread-safe.
#pragma once
#include "core/problem.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "http/streams/bell.hpp"
#include "http/streams/channel.hpp"
#include "http/streams/hub_options.hpp"
#include "http/streams/interest_index.hpp"
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace synclog::http::streams {

// How far streams have been filled, in which history.
struct stream_place {
  core::cursor at;
  std::uint64_t generation = 0; // of the feed
};

class follower : public std::enable_shared_from_this<follower> {
 public:
  // All of it outlives the follower. `ring_bytes` counts what the rings of all followers hold.
  struct surroundings {
    eventstore::feed& feed;
    eventstore::log_reader& log;
    bell_sweep& bells;
    std::atomic<std::int64_t>& ring_bytes;
  };
  // How many different streams there may be, and how many of these may name no record ids.
  struct channel_bounds {
    std::size_t all, wide;
  };
  follower(boost::asio::any_io_executor executor, surroundings around, const hub_options& options,
           channel_bounds bounds);

  // After the feed has started, before run().
  void skip_to_head();
  // Until end(), which may come from any thread.
  boost::asio::awaitable<void> run();
  void end();
  const boost::asio::strand<boost::asio::any_io_executor>& strand() const { return strand_; }

  stream_place where() const;

  // The channel of this view, made when nobody has it yet, with one more member. `overloaded` when it would
  // be one too many.
  core::result<channel_ptr> join(stream_view_ptr view);
  void leave(const channel_ptr& one);
  // Quiet channels give up their blocks.
  void rest();

  struct statistics {
    std::size_t channels = 0, subscribers = 0;
    std::uint64_t rounds = 0;
  };
  statistics stats() const;

 private:
  using clock = std::chrono::steady_clock;

  boost::asio::awaitable<void> round();
  boost::asio::awaitable<bool> advance();
  boost::asio::awaitable<void> ring_touched();
  bool top_up();
  boost::asio::awaitable<docs_before> read_before(const std::vector<eventstore::feed_event_ptr>& events);
  boost::asio::awaitable<void> wait(clock::duration span);
  bool skip_when_nobody_listens();
  void change_history();
  void append(const std::vector<eventstore::feed_event_ptr>& events, const docs_before& before);
  std::vector<channel_ptr> take_touched();
  bool has_touched() const;
  bool wants_before(const eventstore::feed_event& event);
  void move_to(const stream_place& next);

  const boost::asio::any_io_executor io_;
  const boost::asio::strand<boost::asio::any_io_executor> strand_;
  const surroundings around_;
  const hub_options options_;
  const channel_bounds bounds_;
  const std::size_t lanes_;
  boost::asio::steady_timer pause_;
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> rounds_{0};
  std::size_t rung_in_round_ = 0;      // strand
  clock::duration ringing_in_round_{}; // strand

  mutable std::mutex mutex_; // guards the channels
  std::unordered_map<std::string, channel_ptr> channels_;
  std::size_t wide_channels_ = 0; // of these, those that name no record ids
  interest_index index_;
  std::size_t subscribers_ = 0;
  std::vector<channel_ptr> touched_; // with frames whose bells have not been rung

  mutable std::mutex place_mutex_; // taken last
  stream_place at_;
};

} // namespace synclog::http::streams
