// See hub.hpp.
#include "http/streams/hub.hpp"
#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace synclog::http::streams {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr auto sweep_every = 200ms;
constexpr auto rest_every = 2s; // quiet channels give up their blocks

} // namespace

struct hub::impl : std::enable_shared_from_this<hub::impl> {
  impl(asio::any_io_executor executor, eventstore::feed& feed, eventstore::log_reader& log,
       const hub_options& options)
      : strand(asio::make_strand(executor)), sweep_timer(strand), around{feed, log, bells, ring_bytes},
        events(std::make_shared<follower>(
            executor, around, options,
            follower::channel_bounds{options.max_channels, options.max_wide_channels()})),
        live_queries(std::make_shared<follower>(
            executor, around, options,
            follower::channel_bounds{options.max_live_queries, options.max_live_queries})) {}

  asio::awaitable<void> sweep_loop();

  asio::strand<asio::any_io_executor> strand;
  asio::steady_timer sweep_timer;
  bell_sweep bells;
  stream_counters counters;
  std::atomic<bool> stopping{false};
  std::atomic<int> loops_running{0};
  std::atomic<std::int64_t> ring_bytes{0}; // of all channels; declared before those who own them
  const follower::surroundings around;
  const std::shared_ptr<follower> events, live_queries;
};

asio::awaitable<void> hub::impl::sweep_loop() {
  auto self = shared_from_this();
  auto next_rest = clock::now() + rest_every;
  while (!stopping) {
    boost::system::error_code cancelled;
    sweep_timer.expires_after(sweep_every);
    co_await sweep_timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    const auto now = clock::now();
    bells.ring_due(now);
    if (now < next_rest) continue;
    events->rest();
    live_queries->rest();
    next_rest = now + rest_every;
  }
}

hub::hub(asio::any_io_executor executor, eventstore::feed& feed, eventstore::log_reader& log,
         hub_options options)
    : impl_(std::make_shared<impl>(std::move(executor), feed, log, options)) {}

hub::~hub() = default;

void hub::start() {
  const auto ended = [state = impl_](std::exception_ptr failed) {
    if (failed) core::invariant_broken("a loop of the streams threw");
    --state->loops_running;
  };
  impl_->loops_running = 3;
  for (const auto& one : {impl_->events, impl_->live_queries}) {
    one->skip_to_head();
    auto following = one->run();
    asio::co_spawn(one->strand(), std::move(following), ended);
  }
  auto sweeping = impl_->sweep_loop();
  asio::co_spawn(impl_->strand, std::move(sweeping), ended);
}

asio::awaitable<void> hub::stop() {
  constexpr auto look_every = 2ms;
  auto state = impl_;
  state->stopping = true;
  state->events->end();
  state->live_queries->end();
  auto wake = [state] { state->sweep_timer.cancel(); };
  asio::post(state->strand, std::move(wake));
  asio::steady_timer look(state->strand);
  while (state->loops_running > 0) {
    look.expires_after(look_every);
    co_await look.async_wait(asio::use_awaitable);
  }
}

core::result<hub::membership> hub::join(stream_view_ptr view, bell& rung) {
  follower& fills = view->may_want_before() ? *impl_->live_queries : *impl_->events;
  auto joined = fills.join(std::move(view));
  if (!joined) return joined.error();
  return membership(fills, std::move(*joined), rung);
}

hub::membership::membership(follower& filled_by, channel_ptr joined, bell& rung)
    : follower_(&filled_by), channel_(std::move(joined)), bell_(&rung), group_(channel_->add_bell(rung)) {}

hub::membership::~membership() {
  leave();
}

hub::membership::membership(membership&& other) noexcept
    : follower_(std::exchange(other.follower_, nullptr)), channel_(std::move(other.channel_)),
      bell_(other.bell_), group_(other.group_) {}

hub::membership& hub::membership::operator=(membership&& other) noexcept {
  if (this == &other) return *this;
  leave();
  follower_ = std::exchange(other.follower_, nullptr);
  channel_ = std::move(other.channel_);
  bell_ = other.bell_;
  group_ = other.group_;
  return *this;
}

void hub::membership::leave() {
  if (follower_ == nullptr) return;
  channel_->remove_bell(*bell_, group_);
  follower_->leave(channel_);
  follower_ = nullptr;
}

bell_sweep& hub::sweep() {
  return impl_->bells;
}

stream_counters& hub::counters() {
  return impl_->counters;
}

hub::statistics hub::stats() const {
  const auto events = impl_->events->stats(), live = impl_->live_queries->stats();
  return {events.channels + live.channels,
          static_cast<std::size_t>(std::max<std::int64_t>(0, impl_->ring_bytes)),
          events.subscribers + live.subscribers, events.rounds + live.rounds};
}

} // namespace synclog::http::streams
