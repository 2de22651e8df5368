// See hub.hpp. Two locks: `mutex` guards the set of channels and is held while a slice of events is encoded;
// each channel's own lock guards its ring. Readers take only the latter. The place moves after all channels
// have what lies before it: whoever reads the place first and then finds nothing in its channel has missed
// nothing up to that place.
#include "http/streams/hub.hpp"
#include "core/problem.hpp"
#include "http/streams/interest_index.hpp"
#include "http/streams/ringing.hpp"
#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>
#include <thread>
#include <unordered_map>
#include <utility>

namespace synclog::http::streams {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr eventstore::page_bounds slice_bounds{.max_events = 256, .max_bytes = 256u << 10};
constexpr auto look_around_every = 500ms;
constexpr auto sweep_every = 200ms;
constexpr auto rest_every = 2s;     // quiet channels give up their blocks
constexpr auto read_deadline = 10s; // of a slice that is no longer in memory
constexpr auto retry_pause = 200ms;
constexpr auto pause_a_wake = 5us; // what waking and writing one subscriber costs, about

// The other cores belong to requests and to the database.
std::size_t lanes_of(const hub_options& options) {
  return options.lanes > 0 ? options.lanes : std::max(1u, std::thread::hardware_concurrency() / 2);
}

} // namespace

struct hub::impl : std::enable_shared_from_this<hub::impl> {
  impl(asio::any_io_executor executor, eventstore::feed& followed, eventstore::log_reader& reader,
       hub_options bounds)
      : io(executor), strand(asio::make_strand(executor)), lanes(lanes_of(bounds)), feed(followed),
        log(reader), options(bounds), pause(strand), sweep_timer(strand) {}

  asio::awaitable<void> run();
  asio::awaitable<void> sweep_loop();
  asio::awaitable<bool> advance();
  asio::awaitable<void> wait(clock::duration span);
  void skip_to_head();
  void change_history();
  std::vector<channel_ptr> append(const std::vector<eventstore::feed_event_ptr>& events,
                                  const docs_before& before, core::cursor end);
  void rest();

  place current() const {
    const std::lock_guard guard(place_mutex);
    return at;
  }
  void move_to(place next) {
    const std::lock_guard guard(place_mutex);
    at = next;
  }

  asio::any_io_executor io;
  asio::strand<asio::any_io_executor> strand;
  const std::size_t lanes;
  eventstore::feed& feed;
  eventstore::log_reader& log;
  const hub_options options;
  asio::steady_timer pause, sweep_timer;
  bell_sweep bells;
  stream_counters counters;
  std::atomic<bool> stopping{false};
  std::atomic<int> loops_running{0};
  std::atomic<std::uint64_t> rounds{0};
  std::atomic<std::int64_t> ring_bytes{0}; // of all channels; declared before them
  std::size_t rung_in_round = 0;           // strand
  clock::duration ringing_in_round{};      // strand

  mutable std::mutex mutex; // guards the channels
  std::unordered_map<std::string, channel_ptr> channels;
  interest_index index;
  std::size_t subscribers = 0;

  mutable std::mutex place_mutex; // taken last
  place at;
};

// Nobody listens: nothing to encode.
void hub::impl::skip_to_head() {
  const auto generation = feed.generation();
  move_to({feed.head(), generation});
}

void hub::impl::change_history() {
  {
    const std::lock_guard guard(mutex);
    const auto generation = feed.generation();
    const auto head = feed.head();
    for (const auto& [key, one] : channels)
      one->restart(head.position);
    move_to({head, generation});
  }
  bells.ring_all();
}

// Encodes events into every channel that they belong to; then the place moves, then bells may ring. The
// channels with new frames.
std::vector<channel_ptr> hub::impl::append(const std::vector<eventstore::feed_event_ptr>& events,
                                           const docs_before& before, core::cursor end) {
  std::vector<channel_ptr> touched;
  {
    const std::lock_guard guard(mutex);
    for (const auto& event : events) {
      const auto offer = [&](const channel_ptr& one) {
        if (!one->append(*event, before)) return;
        // At once, not after the slice: many different streams would overshoot the bound.
        if (ring_bytes > static_cast<std::int64_t>(options.ring_bytes)) one->drop_oldest();
        if (one->touched) return;
        one->touched = true;
        touched.push_back(one);
      };
      index.visit(*event, offer);
    }
    for (const auto& one : touched)
      one->touched = false;
    move_to({end, current().generation});
  }
  return touched;
}

// One slice. True when more lies ready.
asio::awaitable<bool> hub::impl::advance() {
  const auto from = current();
  if (feed.generation() != from.generation) {
    change_history();
    co_return true;
  }
  bool nobody = false;
  {
    const std::lock_guard guard(mutex);
    nobody = channels.empty();
    // Under the lock: whoever joins next starts behind what is skipped here.
    if (nobody) skip_to_head();
  }
  if (nobody) co_return false;
  const auto page = co_await feed.read_after(from.at, slice_bounds, clock::now() + read_deadline);
  if (page.events.empty()) co_return false;
  const before_question wants = [this](const eventstore::feed_event& event) {
    bool asked = false;
    const auto ask = [&](const channel_ptr& one) { asked = asked || one->view().wants_before(event); };
    const std::lock_guard guard(mutex);
    index.visit(event, ask);
    return asked;
  };
  const auto before = co_await read_docs_before(log, page.events, wants);
  if (feed.generation() != from.generation) co_return true;
  auto touched = append(page.events, before, page.end);
  const auto ring_from = clock::now();
  rung_in_round += co_await ring_channels(io, std::move(touched), lanes);
  ringing_in_round += clock::now() - ring_from;
  co_return page.events.size() >= slice_bounds.max_events;
}

asio::awaitable<void> hub::impl::wait(clock::duration span) {
  boost::system::error_code cancelled;
  pause.expires_after(span);
  co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

asio::awaitable<void> hub::impl::run() {
  auto self = shared_from_this();
  clock::time_point next_round{};
  while (!stopping) {
    co_await feed.wait_beyond(current().at.position, clock::now() + look_around_every);
    // Many subscribers under load: what comes meanwhile leaves with the same write. An idle server does not
    // wait.
    const auto now = clock::now();
    if (now < next_round) co_await wait(next_round - now);
    const auto began = clock::now();
    rung_in_round = 0;
    ringing_in_round = {};
    bool failed = false;
    try {
      bool more = true;
      while (more && !stopping)
        more = co_await advance();
    } catch (const std::runtime_error& error) { // unavailable: the feed's tail says so too
      spdlog::warn("streams: {}", error.what());
      failed = true;
    }
    if (rung_in_round > 0) ++rounds;
    // Whatever the load, a part of the time is left for those who write.
    const auto pace = std::max<clock::duration>(rung_in_round * pause_a_wake, ringing_in_round * 3 / 2);
    next_round = began + std::min<clock::duration>(options.longest_pause, pace);
    if (failed && !stopping) co_await wait(retry_pause);
  }
}

void hub::impl::rest() {
  const std::lock_guard guard(mutex);
  for (const auto& [key, one] : channels)
    one->rest();
}

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
    rest();
    next_rest = now + rest_every;
  }
}

hub::hub(asio::any_io_executor executor, eventstore::feed& feed, eventstore::log_reader& log,
         hub_options options)
    : impl_(std::make_shared<impl>(std::move(executor), feed, log, options)) {}

hub::~hub() = default;

void hub::start() {
  impl_->skip_to_head();
  const auto ended = [state = impl_](std::exception_ptr failed) {
    if (failed) core::invariant_broken("a loop of the streams threw");
    --state->loops_running;
  };
  impl_->loops_running = 2;
  auto following = impl_->run();
  asio::co_spawn(impl_->strand, std::move(following), ended);
  auto sweeping = impl_->sweep_loop();
  asio::co_spawn(impl_->strand, std::move(sweeping), ended);
}

asio::awaitable<void> hub::stop() {
  constexpr auto look_every = 2ms;
  auto state = impl_;
  state->stopping = true;
  auto wake = [state] {
    state->pause.cancel();
    state->sweep_timer.cancel();
  };
  asio::post(state->strand, std::move(wake));
  asio::steady_timer look(state->strand);
  while (state->loops_running > 0) {
    look.expires_after(look_every);
    co_await look.async_wait(asio::use_awaitable);
  }
}

hub::place hub::where() const {
  return impl_->current();
}

hub::membership hub::join(stream_view_ptr view, bell& rung) {
  auto key = view->key();
  const std::lock_guard guard(impl_->mutex);
  auto& found = impl_->channels[std::move(key)];
  if (!found) {
    found = std::make_shared<channel>(std::move(view), impl_->current().at.position,
                                      impl_->options.channel_bytes, impl_->ring_bytes);
    impl_->index.add(found);
  }
  ++found->members;
  ++impl_->subscribers;
  return {*this, found, rung};
}

hub::membership::membership(hub& owner, channel_ptr joined, bell& rung)
    : hub_(&owner), channel_(std::move(joined)), bell_(&rung), group_(channel_->add_bell(rung)) {}

hub::membership::~membership() {
  leave();
}

hub::membership::membership(membership&& other) noexcept
    : hub_(std::exchange(other.hub_, nullptr)), channel_(std::move(other.channel_)), bell_(other.bell_),
      group_(other.group_) {}

hub::membership& hub::membership::operator=(membership&& other) noexcept {
  if (this == &other) return *this;
  leave();
  hub_ = std::exchange(other.hub_, nullptr);
  channel_ = std::move(other.channel_);
  bell_ = other.bell_;
  group_ = other.group_;
  return *this;
}

void hub::membership::leave() {
  if (hub_ == nullptr) return;
  channel_->remove_bell(*bell_, group_);
  auto& state = *hub_->impl_;
  const std::lock_guard guard(state.mutex);
  --state.subscribers;
  if (--channel_->members == 0) {
    state.index.remove(channel_);
    state.channels.erase(channel_->view().key());
  }
  hub_ = nullptr;
}

bell_sweep& hub::sweep() {
  return impl_->bells;
}

stream_counters& hub::counters() {
  return impl_->counters;
}

hub::statistics hub::stats() const {
  const std::lock_guard guard(impl_->mutex);
  return {impl_->channels.size(), static_cast<std::size_t>(std::max<std::int64_t>(0, impl_->ring_bytes)),
          impl_->subscribers, impl_->rounds};
}

} // namespace synclog::http::streams
