// See ringing.hpp.
#include "http/streams/ringing.hpp"
#include "eventstore/reply_slot.hpp"
#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

namespace synclog::http::streams {

namespace asio = boost::asio;

namespace {

struct ringing {
  asio::any_io_executor executor;
  std::vector<std::pair<channel_ptr, std::size_t>> groups;
  std::atomic<std::size_t> next{0}, rung{0}, lanes{0};
  std::unique_ptr<eventstore::reply_slot<bool>> done;
};

// One group, then the next one behind whatever waits.
void run_lane(const std::shared_ptr<ringing>& all) {
  const auto index = all->next.fetch_add(1);
  if (index >= all->groups.size()) {
    if (all->lanes.fetch_sub(1) == 1) all->done->complete(true);
    return;
  }
  const auto& [one, group] = all->groups[index];
  all->rung.fetch_add(one->ring_bells(group));
  auto go_on = [all] { run_lane(all); };
  asio::post(all->executor, std::move(go_on));
}

} // namespace

asio::awaitable<std::size_t> ring_channels(asio::any_io_executor executor, std::vector<channel_ptr> channels,
                                           std::size_t lanes) {
  const auto all = std::make_shared<ringing>();
  all->executor = std::move(executor);
  for (const auto& one : channels)
    for (std::size_t group = 0; group < one->bell_groups(); ++group)
      all->groups.emplace_back(one, group);
  if (all->groups.empty()) co_return 0;
  lanes = std::clamp<std::size_t>(lanes, 1, all->groups.size());
  auto start = [all, lanes](std::unique_ptr<eventstore::reply_slot<bool>> slot) {
    all->done = std::move(slot);
    all->lanes = lanes;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      auto run = [all] { run_lane(all); };
      asio::post(all->executor, std::move(run));
    }
  };
  co_await eventstore::wait_for_reply<bool>(std::move(start));
  co_return all->rung.load();
}

} // namespace synclog::http::streams
