// Two coroutines on one strand: one follows the feed, one loads tables. What the log said of a record beats
// what a table's page says, so they need not wait for each other: loading begins at a place that the follower
// has reached, and reads every row later than that. The mutex guards what open() and stats() read.
#include "projections/search_index.hpp"
#include "core/problem.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "projections/column_block.hpp"
#include "projections/search_load.hpp"
#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <string_view>
#include <utility>
#include <vector>

namespace synclog::projections {

namespace asio = boost::asio;
namespace pg = eventstore::pg;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr eventstore::page_bounds slice_bounds{.max_events = 1'000, .max_bytes = 1u << 20};
constexpr auto look_around_every = 500ms;
constexpr auto gather = 5ms; // under load: many small commits in one go
constexpr auto read_deadline = 10s;
constexpr auto retry_pause = 500ms;

enum class state : std::uint8_t { waiting, loading, ready, refused };

// One entity. Changed on the strand; `now` under the mutex.
struct held_entity {
  explicit held_entity(const core::entity& of) : definition(&of), key(order_column_of(of)), block(of) {}
  const core::entity* definition;
  core::column_ref key;
  column_block block; // scratch
  search_store store;
  state now = state::waiting;
};

std::string_view data_of(const eventstore::feed_event& event) {
  return event.encoded.data();
}

} // namespace

struct search_index::impl : std::enable_shared_from_this<search_index::impl> {
  impl(asio::any_io_executor executor, eventstore::feed& followed, pg::pool& reader,
       const core::catalog& catalog, search_options bounds)
      : strand(asio::make_strand(executor)), feed(followed), tables(reader), options(bounds), pause(strand),
        load_pause(strand) {
    if (options.max_bytes == 0) return;
    for (const auto& definition : catalog.all())
      if (!definition->search_fields.empty()) entities.push_back(std::make_unique<held_entity>(*definition));
  }

  asio::awaitable<void> follow();
  asio::awaitable<bool> advance();
  asio::awaitable<void> load_all();
  asio::awaitable<void> load(held_entity& one);
  asio::awaitable<void> wait(asio::steady_timer& timer, clock::duration span);
  void begin_anew();
  void apply(const eventstore::feed_event& event);
  void change(held_entity& one, state next);
  bool keep_within_bounds(held_entity& one);
  void note_size();

  held_entity* find(std::string_view name) const {
    for (const auto& one : entities)
      if (one->definition->name == name) return one.get();
    return nullptr;
  }

  asio::strand<asio::any_io_executor> strand;
  eventstore::feed& feed;
  pg::pool& tables;
  const search_options options;
  asio::steady_timer pause, load_pause;
  std::vector<std::unique_ptr<held_entity>> entities; // the vector never changes
  std::uint64_t generation = 0;                       // strand: of the feed
  std::uint64_t beginnings = 0;                       // strand: counts begin_anew()
  std::atomic<bool> stopping{false};
  std::atomic<int> loops_running{0};
  std::atomic<std::uint64_t> applied{0}, loads{0}, slices{0};
  std::atomic<std::size_t> bytes{0}, records{0};
  std::array<std::atomic<std::uint64_t>, 3> answers{};

  mutable std::mutex mutex;
  core::cursor at; // changed on the strand, under the mutex
};

// Another history, or the start: nothing that is held counts.
void search_index::impl::begin_anew() {
  ++beginnings;
  generation = feed.generation();
  const std::lock_guard guard(mutex);
  for (const auto& one : entities) {
    if (one->now == state::refused) continue;
    one->now = state::waiting;
    one->store.clear();
  }
  at = feed.head();
}

void search_index::impl::change(held_entity& one, state next) {
  const std::lock_guard guard(mutex);
  one.now = next;
}

void search_index::impl::note_size() {
  std::size_t all_bytes = 0, all_records = 0;
  for (const auto& one : entities) {
    all_bytes += one->store.bytes();
    all_records += one->store.records();
  }
  bytes = all_bytes;
  records = all_records;
}

// False when the entity took more than is allowed and was let go.
bool search_index::impl::keep_within_bounds(held_entity& one) {
  note_size();
  if (bytes <= options.max_bytes) return true;
  spdlog::warn("searches of {} read the table from now on: the search texts of all entities take more than "
               "--search-memory={} allows",
               one.definition->name, options.max_bytes);
  change(one, state::refused);
  one.store.clear();
  note_size();
  return false;
}

void search_index::impl::apply(const eventstore::feed_event& event) {
  held_entity* const one = find(event.entity);
  if (one == nullptr || one->now == state::refused) return;
  ++applied;
  one->block.clear();
  // An erased event has no data and leaves no row.
  if (event.action == core::event_action::deleted || !one->block.add(data_of(event)))
    return one->store.remove(event.record_id);
  one->store.set(event.record_id, one->block.search_texts()[0], key_of_row(one->block, one->key));
  one->block.clear(); // its views end with the event
}

// One slice. True when more lies ready.
asio::awaitable<bool> search_index::impl::advance() {
  if (feed.generation() != generation) begin_anew();
  const core::cursor from = at;
  const auto page = co_await feed.read_after(from, slice_bounds, clock::now() + read_deadline);
  if (page.history_changed || feed.generation() != generation) {
    begin_anew();
    co_return true;
  }
  if (page.events.empty()) co_return false;
  std::vector<held_entity*> grown;
  for (const auto& event : page.events) {
    apply(*event);
    held_entity* const one = find(event->entity);
    if (one != nullptr && std::find(grown.begin(), grown.end(), one) == grown.end()) grown.push_back(one);
  }
  {
    const std::lock_guard guard(mutex);
    at = page.end;
  }
  for (held_entity* const one : grown)
    if (one->now != state::refused) keep_within_bounds(*one);
  co_return page.events.size() >= slice_bounds.max_events;
}

asio::awaitable<void> search_index::impl::wait(asio::steady_timer& timer, clock::duration span) {
  boost::system::error_code cancelled;
  timer.expires_after(span);
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

asio::awaitable<void> search_index::impl::follow() {
  auto self = shared_from_this();
  while (!stopping) {
    const bool news = co_await feed.wait_beyond(at.position, clock::now() + look_around_every);
    if (stopping) break;
    if (!news && feed.generation() == generation) continue;
    bool failed = false;
    try {
      bool more = true;
      while (more && !stopping)
        more = co_await advance();
    } catch (const std::runtime_error& error) { // unavailable: searches take the rest from the log meanwhile
      spdlog::debug("search texts: {}", error.what());
      failed = true;
    }
    if (!stopping) co_await wait(pause, failed ? clock::duration(retry_pause) : clock::duration(gather));
  }
}

// Reads the whole table, a stretch at a time. Returns early when the texts must be begun anew or are too
// large.
asio::awaitable<void> search_index::impl::load(held_entity& one) {
  const std::uint64_t beginning = beginnings;
  const auto is_void = [&] { return stopping || beginnings != beginning || one.now != state::loading; };
  change(one, state::loading);
  table_stretches stretches(*one.definition, one.key);
  co_await stretches.open(tables, clock::now() + read_deadline);
  while (!is_void() && !stretches.is_done()) {
    const pg::rows found = co_await stretches.next(tables, clock::now() + read_deadline);
    if (is_void()) co_return;
    ++slices;
    for (int row = 0; row < found.size(); ++row)
      one.store.load(found.text(row, 0), found.text(row, 1), key_of_stretch(found, row, one.key));
    if (!keep_within_bounds(one)) co_return;
  }
  const bool whole = co_await stretches.is_whole(tables, clock::now() + read_deadline);
  if (is_void() || !whole) co_return; // rewritten meanwhile: again
  one.store.loaded();
  ++loads;
  spdlog::debug("search texts of {}: {} records loaded", one.definition->name, one.store.records());
  change(one, state::ready);
}

asio::awaitable<void> search_index::impl::load_all() {
  auto self = shared_from_this();
  while (!stopping) {
    held_entity* next = nullptr;
    for (const auto& one : entities)
      if (next == nullptr && one->now == state::waiting) next = one.get();
    if (next == nullptr) {
      co_await wait(load_pause, look_around_every);
      continue;
    }
    bool failed = false;
    try {
      co_await load(*next);
    } catch (const std::runtime_error& error) { // unavailable, or the table is being replaced
      spdlog::debug("search texts of {}: {}", next->definition->name, error.what());
      failed = true;
    }
    // What did not become whole is begun anew. The log's word since then would be lost with the store, so
    // the place it is complete from is the follower's present one.
    if (next->now == state::loading) {
      next->store.clear();
      change(*next, state::waiting);
      failed = true;
    }
    if (failed && !stopping) co_await wait(load_pause, retry_pause);
  }
}

search_index::search_index(asio::any_io_executor executor, eventstore::feed& feed, pg::pool& tables,
                           const core::catalog& entities, search_options options)
    : impl_(std::make_shared<impl>(std::move(executor), feed, tables, entities, options)) {}

search_index::~search_index() = default;

void search_index::start() {
  if (impl_->entities.empty()) return;
  impl_->stopping = false;
  impl_->begin_anew();
  const auto ended = [state = impl_](std::exception_ptr failed) {
    if (failed) core::invariant_broken("a loop of the search texts threw");
    --state->loops_running;
  };
  impl_->loops_running = 2;
  auto following = impl_->follow();
  asio::co_spawn(impl_->strand, std::move(following), ended);
  auto loading = impl_->load_all();
  asio::co_spawn(impl_->strand, std::move(loading), ended);
}

asio::awaitable<void> search_index::stop() {
  constexpr auto look_every = 2ms;
  auto state = impl_;
  state->stopping = true;
  asio::steady_timer look(state->strand);
  while (state->loops_running > 0) {
    auto wake = [state] {
      state->pause.cancel();
      state->load_pause.cancel();
    };
    asio::post(state->strand, std::move(wake));
    look.expires_after(look_every);
    co_await look.async_wait(asio::use_awaitable);
  }
}

std::optional<search_index::view> search_index::open(const core::entity& definition) const {
  view opened;
  {
    const std::lock_guard guard(impl_->mutex);
    const held_entity* const one = impl_->find(definition.name);
    if (one == nullptr || one->now != state::ready) return std::nullopt;
    opened = {one->store.snapshot(), impl_->at};
  }
  std::size_t records = 0;
  for (const auto& segment : opened.texts)
    records += segment->size();
  if (records < impl_->options.tuning.least_records) return std::nullopt;
  return opened;
}

const search_tuning& search_index::tuning() const {
  return impl_->options.tuning;
}

void search_index::count(answer how) {
  ++impl_->answers[static_cast<std::size_t>(how)];
}

search_index::statistics search_index::stats() const {
  statistics now;
  now.bytes = impl_->bytes;
  now.records = impl_->records;
  now.applied = impl_->applied;
  now.loads = impl_->loads;
  now.slices = impl_->slices;
  now.from_candidates = impl_->answers[static_cast<std::size_t>(answer::candidates)];
  now.from_order = impl_->answers[static_cast<std::size_t>(answer::ordered)];
  now.from_table = impl_->answers[static_cast<std::size_t>(answer::table)];
  const std::int64_t head = impl_->feed.head().position.value;
  const std::lock_guard guard(impl_->mutex);
  now.entities = impl_->entities.size();
  for (const auto& one : impl_->entities) {
    if (one->now == state::ready) ++now.ready;
    if (one->now == state::refused) ++now.refused;
  }
  if (now.entities > 0) now.lag_positions = std::max<std::int64_t>(0, head - impl_->at.position.value);
  return now;
}

} // namespace synclog::projections
