// See ringing.hpp.
#include "http/streams/ringing.hpp"
#include "eventstore/reply_slot.hpp"
#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <utility>

namespace synclog::http::streams {

namespace asio = boost::asio;

struct ringing::state {
  asio::any_io_executor executor;
  std::size_t lanes = 1;
  std::vector<std::pair<channel_ptr, std::size_t>> groups;
  std::atomic<std::size_t> next{0}, rung{0}, lanes_left{0};
  std::chrono::steady_clock::time_point until; // of this stretch, once there is news
  std::function<bool()> news;
  std::unique_ptr<eventstore::reply_slot<bool>> done;
};

ringing::ringing(asio::any_io_executor executor, const std::vector<channel_ptr>& channels, std::size_t lanes)
    : state_(std::make_shared<state>()) {
  state_->executor = std::move(executor);
  state_->lanes = std::max<std::size_t>(1, lanes);
  for (const auto& one : channels)
    for (std::size_t group = 0; group < one->bell_groups(); ++group)
      state_->groups.emplace_back(one, group);
}

// A lane that has said that it is done may still hold the state: not the channels, which refer to what
// whoever waited takes with it.
ringing::~ringing() {
  state_->groups.clear();
}

bool ringing::is_over() const {
  return state_->next >= state_->groups.size();
}

// One group, then the next one behind whatever waits.
void ringing::run_lane(const std::shared_ptr<state>& all) {
  const auto index = all->next.fetch_add(1);
  bool is_over = index >= all->groups.size();
  if (!is_over) {
    const auto& [one, group] = all->groups[index];
    all->rung.fetch_add(one->ring_bells(group));
    is_over = std::chrono::steady_clock::now() >= all->until && all->news();
  }
  if (!is_over) {
    auto go_on = [all] { run_lane(all); };
    asio::post(all->executor, std::move(go_on));
  } else if (all->lanes_left.fetch_sub(1) == 1) {
    const auto done = std::move(all->done); // the next stretch has one of its own
    done->complete(true);
  }
}

asio::awaitable<std::size_t> ringing::go_on(std::chrono::steady_clock::duration span,
                                            std::function<bool()> news) {
  const auto all = state_;
  if (is_over()) co_return 0;
  all->rung = 0;
  all->until = std::chrono::steady_clock::now() + span;
  all->news = std::move(news);
  auto start = [all](std::unique_ptr<eventstore::reply_slot<bool>> slot) {
    const auto lanes = std::min<std::size_t>(all->lanes, all->groups.size() - all->next);
    all->done = std::move(slot);
    all->lanes_left = lanes;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      auto run = [all] { run_lane(all); };
      asio::post(all->executor, std::move(run));
    }
  };
  co_await eventstore::wait_for_reply<bool>(std::move(start));
  co_return all->rung.load();
}

asio::awaitable<std::size_t> ringing::finish() {
  const auto never = [] { return false; };
  co_return co_await go_on({}, never);
}

} // namespace synclog::http::streams
