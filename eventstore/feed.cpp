// See feed.hpp. One mutex guards the ring and the waiters; it is held for pointer work only, never across a
// suspension.
#include "eventstore/feed.hpp"

#include "core/problem.hpp"

#include "eventstore/reply_slot.hpp"
#include <algorithm>
#include <atomic>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <deque>
#include <map>
#include <mutex>
#include <spdlog/spdlog.h>
#include <unordered_map>

namespace synclog::eventstore {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto expire_interval = 100ms;
constexpr auto tail_deadline = 10s;
constexpr auto tail_retry = 200ms;

std::size_t bytes_of(const feed_event& event) {
  return sizeof(feed_event) + event.entity.size() + event.record_id.size() + event.branch.size() +
         event.previous_branch.size() + event.encoded.head.size() + event.encoded.tail.size();
}

using waiter_slot = std::unique_ptr<reply_slot<bool>>;

} // namespace

feed_event_ptr make_feed_event(const core::event& source) {
  auto made = std::make_shared<feed_event>();
  made->at = core::cursor::of(source.position, source.hash);
  made->entity = source.entity;
  made->record_id = source.record_id;
  made->branch = source.branch;
  made->version = source.version;
  made->known_at = std::chrono::steady_clock::now();
  made->moved = source.previous_branch.has_value();
  made->previous_branch = source.previous_branch.value_or("");
  made->action = source.action;
  made->encoded = core::encode_event(source);
  return made;
}

namespace {

std::vector<feed_event_ptr> feed_events_of(const std::vector<core::event>& events) {
  std::vector<feed_event_ptr> made;
  made.reserve(events.size());
  for (const auto& event : events) {
    made.push_back(make_feed_event(event));
  }
  return made;
}

// Where a record's last change is noted. With n records changing, the others keep their answers in memory for
// all but n of so many.
constexpr std::size_t record_places = 16'384;

std::size_t place_of(std::string_view entity, std::string_view record_id) {
  constexpr std::size_t spread =
      0x9e3779b97f4a7c15; // 2^64 / golden ratio: the same ids of two entities fall apart
  const std::hash<std::string_view> hash;
  return (hash(entity) * spread + hash(record_id)) % record_places;
}

} // namespace

struct feed::impl : std::enable_shared_from_this<feed::impl> {
  impl(asio::any_io_executor executor, log_reader& reader, feed_options bounds)
      : strand(asio::make_strand(executor)), log(reader), options(bounds), tail_timer(strand),
        expire_timer(strand), record_changes(record_places) {}

  struct waiter {
    waiter_slot slot;
    pg::deadline until;
  };

  asio::awaitable<void> tail_loop();
  asio::awaitable<void> expire_loop();
  asio::awaitable<bool> read_tail();
  asio::awaitable<void> warm_up(pg::deadline until);
  asio::awaitable<void> change_history(core::cursor known);
  void append(const std::vector<feed_event_ptr>& fresh);
  void wait(core::position after, pg::deadline until, waiter_slot slot);
  void wake_tail();

  asio::strand<asio::any_io_executor> strand;
  log_reader& log;
  feed_options options;
  asio::steady_timer tail_timer;
  asio::steady_timer expire_timer;
  std::atomic<bool> more_hinted{false};
  std::atomic<std::uint64_t> tail_reads{0}, published{0};
  bool stopping_tail = false;               // strand
  int loops_running = 0;                    // strand
  std::vector<waiter_slot> stopped_waiters; // strand

  mutable std::mutex mutex;
  std::deque<feed_event_ptr> ring; // contiguous, ascending
  std::size_t ring_bytes = 0;
  core::cursor head;
  core::cursor start_head;
  std::map<std::string, core::cursor, std::less<>> last_changes;
  std::vector<core::cursor> record_changes; // by place_of; position 0: none since start_head
  std::vector<waiter> waiters;
  std::uint64_t generation = 0;
  bool stopped = false;
};

feed::feed(asio::any_io_executor executor, log_reader& log, feed_options options)
    : impl_(std::make_shared<impl>(executor, log, options)) {}

feed::~feed() = default;

asio::awaitable<void> feed::start(pg::deadline until) {
  auto state = impl_;
  const auto at = co_await state->log.head(until);
  {
    const std::lock_guard guard(state->mutex);
    state->head = at;
    state->start_head = at;
  }
  co_await state->warm_up(until);
  const auto on_end = [state](std::exception_ptr failed) {
    if (failed) {
      core::invariant_broken("a loop of the feed threw");
    }
    if (--state->loops_running == 0) {
      for (auto& slot : state->stopped_waiters) {
        slot->complete(true);
      }
      state->stopped_waiters.clear();
    }
  };
  state->loops_running = 2;
  auto tail = state->tail_loop();
  asio::co_spawn(state->strand, std::move(tail), asio::bind_executor(state->strand, on_end));
  auto expire = state->expire_loop();
  asio::co_spawn(state->strand, std::move(expire), asio::bind_executor(state->strand, on_end));
}

asio::awaitable<void> feed::stop() {
  auto state = impl_;
  std::vector<impl::waiter> released;
  {
    const std::lock_guard guard(state->mutex);
    state->stopped = true;
    released.swap(state->waiters);
  }
  for (auto& waiting : released) {
    waiting.slot->complete(false);
  }
  auto keep = [state](waiter_slot slot) {
    auto end = [state, slot = std::move(slot)]() mutable {
      state->stopping_tail = true;
      state->tail_timer.cancel();
      state->expire_timer.cancel();
      if (state->loops_running == 0) {
        slot->complete(true);
      } else {
        state->stopped_waiters.push_back(std::move(slot));
      }
    };
    asio::post(state->strand, std::move(end));
  };
  co_await wait_for_reply<bool>(std::move(keep));
}

// Follows what this server did not write itself, and fills what lies between its own batches.
asio::awaitable<void> feed::impl::tail_loop() {
  auto self = shared_from_this();
  while (!stopping_tail) {
    more_hinted = false;
    bool healthy = true;
    while (!stopping_tail && healthy) {
      bool more = false;
      try {
        more = co_await read_tail();
      } catch (const std::runtime_error& failed) {
        spdlog::warn("feed: {}", failed.what());
        healthy = false;
      }
      if (!more) {
        break;
      }
    }
    if (stopping_tail || more_hinted) {
      continue;
    }
    tail_timer.expires_after(healthy ? options.poll_interval : std::chrono::milliseconds(tail_retry));
    boost::system::error_code cancelled;
    co_await tail_timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

// One page from the log behind the head. True when there may be more.
asio::awaitable<bool> feed::impl::read_tail() {
  core::cursor after;
  {
    const std::lock_guard guard(mutex);
    after = head;
  }
  ++tail_reads;
  const page_bounds bounds;
  const auto events = co_await log.page_continuing(after, bounds, pg::clock::now() + tail_deadline);
  if (!events) {
    co_await change_history(after);
    co_return true;
  }
  if (events->empty()) {
    co_return false;
  }
  append(feed_events_of(*events));
  co_return true;
}

// The newest events, so that whoever comes back after a restart is answered from memory.
asio::awaitable<void> feed::impl::warm_up(pg::deadline until) {
  core::cursor at;
  {
    const std::lock_guard guard(mutex);
    at = head;
  }
  const auto reach = static_cast<std::int64_t>(options.warm_events);
  if (reach == 0) {
    co_return;
  }
  const page_bounds bounds{.max_events = options.warm_events, .max_bytes = options.ring_bytes / 2};
  const auto events =
      co_await log.page({std::max<std::int64_t>(0, at.position.value - reach)}, bounds, until);
  const auto fresh = feed_events_of(events);
  const std::lock_guard guard(mutex);
  for (const auto& event : fresh) {
    if (event->at.position > at.position) {
      break;
    }
    ring_bytes += bytes_of(*event);
    ring.push_back(event);
  }
  // Cut short by its bound it would leave a hole behind the newest.
  if (!ring.empty() && ring.back()->at.position != at.position) {
    ring.clear();
    ring_bytes = 0;
  }
}

// The log is not the one that was followed: a backup was restored, or a standby took over that lacked the
// end. Readers hear of it by the generation.
asio::awaitable<void> feed::impl::change_history(core::cursor known) {
  const auto now_at = co_await log.head(pg::clock::now() + tail_deadline);
  spdlog::error("feed: the log has another history than the one followed up to {}: going on from {}",
                core::to_string(known), core::to_string(now_at));
  std::vector<waiter> released;
  {
    const std::lock_guard guard(mutex);
    ring.clear();
    ring_bytes = 0;
    head = now_at;
    start_head = now_at;
    last_changes.clear();
    record_changes.assign(record_places, core::cursor{});
    ++generation;
    released.swap(waiters);
  }
  for (auto& waiting : released) {
    waiting.slot->complete(true);
  }
}

// Takes what continues the head; what is known already (the committer was faster than the tail, or the
// reverse) is skipped.
void feed::impl::append(const std::vector<feed_event_ptr>& fresh) {
  std::vector<waiter> released;
  {
    const std::lock_guard guard(mutex);
    const auto before = head.position;
    for (const auto& event : fresh) {
      if (event->at.position != head.position.next()) {
        continue;
      }
      head = event->at;
      last_changes.insert_or_assign(event->entity, event->at);
      record_changes[place_of(event->entity, event->record_id)] = event->at;
      ring_bytes += bytes_of(*event);
      ring.push_back(event);
      ++published;
    }
    while (ring_bytes > options.ring_bytes && ring.size() > 1) {
      ring_bytes -= bytes_of(*ring.front());
      ring.pop_front();
    }
    // Whoever waits has seen the old head: each of them has something to read now.
    if (head.position > before) {
      released.swap(waiters);
    }
  }
  for (auto& waiting : released) {
    waiting.slot->complete(true);
  }
}

void feed::impl::wake_tail() {
  auto ring_it = [state = shared_from_this()] { state->tail_timer.cancel(); };
  asio::post(strand, std::move(ring_it));
}

void feed::publish(core::cursor after, const std::vector<core::event>& committed) {
  if (committed.empty()) {
    return;
  }
  bool follows = false;
  {
    const std::lock_guard guard(impl_->mutex);
    follows = after == impl_->head;
  }
  if (follows) {
    impl_->append(feed_events_of(committed));
  } else {
    // Another server wrote in between, the tail has read it already, or the log's history is another one now:
    // the tail finds out which.
    hint();
  }
}

void feed::hint() {
  if (!impl_->more_hinted.exchange(true)) {
    impl_->wake_tail();
  }
}

core::cursor feed::head() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->head;
}

std::uint64_t feed::generation() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->generation;
}

std::optional<core::cursor> feed::known_cursor(core::position where) const {
  const std::lock_guard guard(impl_->mutex);
  if (where == impl_->head.position) {
    return impl_->head;
  }
  if (impl_->ring.empty() || where < impl_->ring.front()->at.position || where > impl_->head.position) {
    return std::nullopt;
  }
  return impl_->ring[static_cast<std::size_t>(where.value - impl_->ring.front()->at.position.value)]->at;
}

core::cursor feed::last_change(std::string_view entity, std::string_view record_id) const {
  const auto place = place_of(entity, record_id);
  const std::lock_guard guard(impl_->mutex);
  const auto& noted = impl_->record_changes[place];
  return noted.position.value == 0 ? impl_->start_head : noted;
}

core::cursor feed::last_change(std::string_view entity) const {
  const std::lock_guard guard(impl_->mutex);
  const auto found = impl_->last_changes.find(entity);
  return found == impl_->last_changes.end() ? impl_->start_head : found->second;
}

std::optional<feed_page> feed::held_after(core::cursor after, page_bounds bounds) const {
  feed_page page;
  const std::lock_guard guard(impl_->mutex);
  page.end = impl_->head;
  // Before the first event every history is the same.
  const bool from_first = after.position.value == 0;
  if (after.position >= impl_->head.position) {
    page.history_changed = !from_first && after.position == impl_->head.position && after != impl_->head;
    return page;
  }
  // The ring must hold the reader's own place too, so that its history can be told.
  const auto needed = from_first ? after.position.next() : after.position;
  if (impl_->ring.empty() || impl_->ring.front()->at.position > needed) return std::nullopt;
  auto index = static_cast<std::size_t>(needed.value - impl_->ring.front()->at.position.value);
  if (!from_first && impl_->ring[index++]->at != after) {
    page.history_changed = true;
    return page;
  }
  std::size_t bytes = 0;
  while (index < impl_->ring.size() && page.events.size() < bounds.max_events && bytes < bounds.max_bytes) {
    bytes += bytes_of(*impl_->ring[index]);
    page.events.push_back(impl_->ring[index++]);
  }
  if (!page.events.empty()) page.end = page.events.back()->at;
  return page;
}

asio::awaitable<feed_page> feed::read_after(core::cursor after, page_bounds bounds, pg::deadline until) {
  if (auto held = held_after(after, bounds)) co_return std::move(*held);
  feed_page page;
  page.end = head();
  const auto events = co_await impl_->log.page_continuing(after, bounds, until);
  if (events) {
    page.events = feed_events_of(*events);
  } else {
    page.history_changed = true;
    hint();
  }
  if (!page.events.empty()) {
    page.end = page.events.back()->at;
  }
  co_return page;
}

void feed::impl::wait(core::position after, pg::deadline until, waiter_slot slot) {
  std::optional<bool> at_once;
  {
    const std::lock_guard guard(mutex);
    if (stopped) {
      at_once = false;
    } else if (head.position > after) {
      at_once = true;
    } else {
      waiters.push_back({std::move(slot), until});
    }
  }
  if (at_once) {
    slot->complete(*at_once);
  }
}

asio::awaitable<bool> feed::wait_beyond(core::position after, pg::deadline until) {
  auto state = impl_;
  auto keep = [state, after, until](waiter_slot slot) { state->wait(after, until, std::move(slot)); };
  co_return co_await wait_for_reply<bool>(std::move(keep));
}

// Waiters' deadlines, kept in one place instead of a timer each.
asio::awaitable<void> feed::impl::expire_loop() {
  auto self = shared_from_this();
  while (!stopping_tail) {
    expire_timer.expires_after(expire_interval);
    boost::system::error_code cancelled;
    co_await expire_timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    std::vector<waiter> expired;
    {
      const std::lock_guard guard(mutex);
      const auto now = pg::clock::now();
      const auto over = std::partition(waiters.begin(), waiters.end(),
                                       [now](const waiter& waiting) { return waiting.until > now; });
      expired.assign(std::make_move_iterator(over), std::make_move_iterator(waiters.end()));
      waiters.erase(over, waiters.end());
    }
    for (auto& waiting : expired) {
      waiting.slot->complete(false);
    }
  }
}

feed::statistics feed::stats() const {
  const std::lock_guard guard(impl_->mutex);
  return {impl_->ring_bytes, impl_->ring.size(), impl_->waiters.size(), impl_->tail_reads, impl_->published};
}

} // namespace synclog::eventstore
