// Ringing the bells of whole channels: group by group, on several threads, and between two groups whoever
// else waits for a thread gets it. Streams at rest write to their clients meanwhile.
#pragma once
#include "http/streams/channel.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace synclog::http::streams {

// Every group of these channels once. Used by one coroutine; the bells ring on the executor's threads, at
// most `lanes` of them at a time, at least one.
class ringing {
 public:
  ringing(boost::asio::any_io_executor executor, const std::vector<channel_ptr>& channels, std::size_t lanes);

  ~ringing();
  ringing(const ringing&) = delete;
  ringing& operator=(const ringing&) = delete;

  bool is_over() const;
  // Rings until it has for so long and `news` says that there is something to do between two stretches; all
  // that is left at most, a group for each lane at least. Returns how many bells. `news`: any thread.
  boost::asio::awaitable<std::size_t> go_on(std::chrono::steady_clock::duration span,
                                            std::function<bool()> news);
  // All that is left.
  boost::asio::awaitable<std::size_t> finish();

 private:
  struct state;
  static void run_lane(const std::shared_ptr<state>& all);

  std::shared_ptr<state> state_; // lanes hold it too
};

} // namespace synclog::http::streams
