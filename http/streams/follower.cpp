// See follower.hpp. Two locks: `mutex_` guards the set of channels and is held while a slice of events is
// encoded; each channel's own lock guards its ring. Readers take only the latter. The place moves after all
// channels have what lies before it: whoever reads the place first and then finds nothing in its channel has
// missed nothing up to that place.
#include "http/streams/follower.hpp"
#include "http/streams/ringing.hpp"
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

namespace synclog::http::streams {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr eventstore::page_bounds slice_bounds{.max_events = 256, .max_bytes = 256u << 10};
constexpr auto look_around_every = 500ms;
constexpr auto read_deadline = 10s; // of a slice that is no longer in memory
constexpr auto retry_pause = 200ms;
constexpr auto pause_a_wake = 5us; // what waking and writing one subscriber costs, about
constexpr auto ringing_stretch = 1500us;

// The other cores belong to requests and to the database.
std::size_t lanes_of(const hub_options& options) {
  return options.lanes > 0 ? options.lanes : std::max(1u, std::thread::hardware_concurrency() / 2);
}

bool is_wide(const stream_view& view) {
  return view.interest().ids.empty();
}

} // namespace

follower::follower(asio::any_io_executor executor, surroundings around, const hub_options& options,
                   channel_bounds bounds)
    : io_(executor), strand_(asio::make_strand(std::move(executor))), around_(around), options_(options),
      bounds_(bounds), lanes_(lanes_of(options)), pause_(strand_) {}

stream_place follower::where() const {
  const std::lock_guard guard(place_mutex_);
  return at_;
}

void follower::move_to(const stream_place& next) {
  const std::lock_guard guard(place_mutex_);
  at_ = next;
}

void follower::skip_to_head() {
  const auto generation = around_.feed.generation();
  move_to({around_.feed.head(), generation});
}

// Then there is nothing to encode.
bool follower::skip_when_nobody_listens() {
  const std::lock_guard guard(mutex_);
  if (!channels_.empty()) return false;
  // Under the lock: whoever joins next starts behind what is skipped here.
  skip_to_head();
  return true;
}

void follower::change_history() {
  {
    const std::lock_guard guard(mutex_);
    const auto generation = around_.feed.generation();
    const auto head = around_.feed.head();
    for (const auto& [key, one] : channels_)
      one->restart(head.position);
    move_to({head, generation});
  }
  around_.bells.ring_all();
}

// Encodes the events that `before` covers into every channel that they belong to; then the place moves, then
// bells may ring: those of `touched_`. When it throws half-way the next call, with the same events, does the
// rest: a channel takes no event twice.
void follower::append(const std::vector<eventstore::feed_event_ptr>& events, const docs_before& before) {
  const std::lock_guard guard(mutex_);
  for (std::size_t i = 0; i < before.covers; ++i) {
    const auto& event = *events[i];
    const auto offer = [&](const channel_ptr& one) {
      if (!one->append(event, before)) return;
      // At once, not after the slice: many different streams would overshoot the bound.
      if (around_.ring_bytes > static_cast<std::int64_t>(options_.ring_bytes)) one->drop_oldest();
      if (one->touched) return;
      touched_.push_back(one);
      one->touched = true;
    };
    index_.visit(event, offer);
  }
  move_to({events[before.covers - 1]->at, where().generation});
}

std::vector<channel_ptr> follower::take_touched() {
  const std::lock_guard guard(mutex_);
  for (const auto& one : touched_)
    one->touched = false;
  return std::exchange(touched_, {});
}

bool follower::has_touched() const {
  const std::lock_guard guard(mutex_);
  return !touched_.empty();
}

bool follower::wants_before(const eventstore::feed_event& event) {
  bool asked = false;
  const auto ask = [&](const channel_ptr& one) { asked = asked || one->view().wants_before(event); };
  const std::lock_guard guard(mutex_);
  index_.visit(event, ask);
  return asked;
}

asio::awaitable<docs_before> follower::read_before(const std::vector<eventstore::feed_event_ptr>& events) {
  const before_question wants = [this](const eventstore::feed_event& event) { return wants_before(event); };
  co_return co_await read_docs_before(around_.log, events, wants, options_.before_patience);
}

// One slice into the channels. True when more lies ready.
asio::awaitable<bool> follower::advance() {
  const auto from = where();
  if (around_.feed.generation() != from.generation) {
    change_history();
    co_return true;
  }
  if (skip_when_nobody_listens()) co_return false;
  const auto page = co_await around_.feed.read_after(from.at, slice_bounds, clock::now() + read_deadline);
  if (page.events.empty()) co_return false;
  const auto before = co_await read_before(page.events);
  if (around_.feed.generation() != from.generation) co_return true;
  append(page.events, before);
  co_return before.covers < page.events.size() || page.events.size() >= slice_bounds.max_events;
}

// What has come is appended between two stretches: those whose turn is still to come get it with the same
// write, the others in the next round. So nobody waits for longer than from one round to the next, where it
// would be twice that for an event that comes when a round has just begun. Not for longer than writing takes,
// though, and only as long as all that there is can be had at once: else the others would wait for it.
asio::awaitable<void> follower::ring_touched() {
  ringing all(io_, take_touched(), lanes_);
  const auto news = [this] { return around_.feed.head().position > where().at.position; };
  clock::duration topping_up{};
  bool is_level = true;
  while (!all.is_over()) {
    const bool may_top_up = is_level && !ending_ && topping_up <= ringing_in_round_;
    const auto from = clock::now();
    std::size_t bells = 0;
    if (may_top_up) {
      bells = co_await all.go_on(ringing_stretch, news);
    } else {
      bells = co_await all.finish();
    }
    const auto rung = clock::now();
    rung_in_round_ += bells;
    ringing_in_round_ += rung - from;
    if (!may_top_up || all.is_over()) continue;
    is_level = top_up();
    topping_up += clock::now() - rung;
  }
}

// One slice, if it is in memory and no view has a question about it. True when nothing lies behind it.
bool follower::top_up() {
  const auto from = where();
  if (around_.feed.generation() != from.generation) return false;
  const auto page = around_.feed.held_after(from.at, slice_bounds);
  if (!page || page->history_changed) return false;
  const auto wants = [this](const auto& event) { return wants_before(*event); };
  if (std::ranges::any_of(page->events, wants)) return false;
  if (page->events.empty()) return true;
  docs_before nothing;
  nothing.covers = page->events.size();
  try {
    append(page->events, nothing);
  } catch (const std::runtime_error&) { // the next round meets it again, and says so
    return false;
  }
  return page->events.size() < slice_bounds.max_events && page->end.position == around_.feed.head().position;
}

asio::awaitable<void> follower::wait(clock::duration span) {
  boost::system::error_code cancelled;
  pause_.expires_after(span);
  co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

asio::awaitable<void> follower::round() {
  bool failed = false;
  try {
    bool more = true;
    if (has_touched()) { // left by the last round: it need not wait for what the log is asked
      more = !top_up();
      co_await ring_touched();
    }
    while (more && !ending_) {
      more = co_await advance();
      co_await ring_touched();
    }
  } catch (const std::runtime_error& error) { // unavailable: the feed's tail says so too
    spdlog::warn("streams: {}", error.what());
    failed = true;
  }
  if (failed && !ending_) {
    co_await ring_touched();
    co_await wait(retry_pause);
  }
}

asio::awaitable<void> follower::run() {
  auto self = shared_from_this();
  clock::time_point next_round{};
  while (!ending_) {
    if (!has_touched())
      co_await around_.feed.wait_beyond(where().at.position, clock::now() + look_around_every);
    // Many subscribers under load: what comes meanwhile leaves with the same write. An idle server does not
    // wait.
    const auto now = clock::now();
    if (now < next_round) co_await wait(next_round - now);
    const auto began = clock::now();
    rung_in_round_ = 0;
    ringing_in_round_ = {};
    co_await round();
    if (rung_in_round_ > 0) ++rounds_;
    // Whatever the load, a part of the time is left for those who write.
    const auto pace = std::max<clock::duration>(rung_in_round_ * pause_a_wake, ringing_in_round_ * 3 / 2);
    next_round = began + std::min<clock::duration>(options_.longest_pause, pace);
  }
}

void follower::end() {
  ending_ = true;
  auto wake = [self = shared_from_this()] { self->pause_.cancel(); };
  asio::post(strand_, std::move(wake));
}

void follower::rest() {
  const std::lock_guard guard(mutex_);
  for (const auto& [key, one] : channels_)
    one->rest();
}

core::result<channel_ptr> follower::join(stream_view_ptr view) {
  auto key = view->key();
  const std::lock_guard guard(mutex_);
  auto found = channels_.find(key);
  if (found == channels_.end()) {
    const bool wide = is_wide(*view);
    if (channels_.size() >= bounds_.all || (wide && wide_channels_ >= bounds_.wide))
      return core::make_problem(core::problem_code::overloaded,
                                "this server has all the different streams it can carry: use a filter that "
                                "others have too, or come back later");
    auto made = std::make_shared<channel>(std::move(view), where().at.position, options_.channel_bytes,
                                          around_.ring_bytes);
    index_.add(made);
    found = channels_.emplace(std::move(key), std::move(made)).first;
    wide_channels_ += wide ? 1 : 0;
  }
  ++found->second->members;
  ++subscribers_;
  return found->second;
}

void follower::leave(const channel_ptr& one) {
  const std::lock_guard guard(mutex_);
  --subscribers_;
  if (--one->members > 0) return;
  wide_channels_ -= is_wide(one->view()) ? 1 : 0;
  index_.remove(one);
  channels_.erase(one->view().key());
}

follower::statistics follower::stats() const {
  const std::lock_guard guard(mutex_);
  return {channels_.size(), subscribers_, rounds_};
}

} // namespace synclog::http::streams
