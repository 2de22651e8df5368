// See subscription.hpp.
#include "http/streams/subscription.hpp"
#include <algorithm>
#include <utility>

namespace synclog::http::streams {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto filtered_checkpoint_every = 5s; // while events pass that this stream does not show
constexpr auto idle_checkpoint_every = 15s;
constexpr auto read_deadline = 10s;
constexpr std::size_t kept_bytes = 1u << 10;        // of a buffer that is not in use
constexpr std::int64_t usual_held_bytes = 64 << 20; // of all streams that are behind
constexpr std::int64_t smallest_page_bytes = 16 << 10;

} // namespace

subscription::subscription(const services& with, hub::membership channel, subscription_start start,
                           const wire_format& own)
    : with_(with), format_(own), channel_(std::move(channel)), at_(start.at), told_(start.at.position),
      previous_(start.at.position), generation_(start.generation),
      pending_resync_(start.needs_resync ? start.reason : std::string_view()),
      held_(with.streams.counters().held_bytes), ends_with_history_(start.ends_with_history),
      last_frame_(clock::now()), last_fresh_(last_frame_) {}

bool subscription::history_changed() const {
  return channel_.where().generation > generation_;
}

subscription::clock::time_point subscription::next_control() const {
  if (!caught_up_) return last_frame_ + filtered_checkpoint_every;
  const bool filtered = told_ < channel_.where().at.position;
  if (filtered) return last_frame_ + filtered_checkpoint_every;
  // Events that this stream does not show ring no bell: look now and then whether some have passed.
  return std::min(last_frame_ + idle_checkpoint_every, clock::now() + filtered_checkpoint_every);
}

bool subscription::checkpoint_is_due() const {
  const bool filtered = told_ < at_.position;
  return clock::now() >= last_frame_ + (filtered ? filtered_checkpoint_every : idle_checkpoint_every);
}

bool subscription::too_slow() const {
  return caught_up_ && !at_head_ && clock::now() - last_fresh_ > with_.limits.slow_reader;
}

subscription::portion subscription::own(bool more) {
  if (!out_.empty()) last_frame_ = clock::now();
  portion made;
  made.bytes = out_;
  made.more = more;
  made.events = std::exchange(own_events_, 0);
  return made;
}

// From now on it is behind, until it finds nothing to take.
void subscription::leave_head() {
  if (std::exchange(at_head_, false)) last_fresh_ = clock::now();
}

void subscription::note_shown(const core::cursor& at) {
  at_ = at;
  told_ = previous_ = at.position;
}

asio::awaitable<subscription::portion> subscription::next() {
  if (auto at_once = ready()) co_return std::move(*at_once);
  co_return co_await catch_up();
}

std::optional<subscription::portion> subscription::ready() {
  out_.clear();
  if (out_.capacity() > kept_bytes) std::string().swap(out_);
  held_.set(0);
  // Read before the channel: everything up to here is in it.
  const auto place = channel_.where();
  if (place.generation > generation_) return ends_with_history_ ? own(false) : resync(place, "other_history");
  if (place.generation < generation_) return own(false); // the hub is about to change, and rings then
  if (!pending_resync_.empty()) return resync({at_, generation_}, pending_resync_);
  auto slice = channel_.shared().after(at_.position);
  if (!slice) return std::nullopt;
  if (!slice->bytes.empty()) return take_ready(std::move(*slice));
  return at_head(place.at);
}

subscription::portion subscription::take_ready(byte_ring::slice slice) {
  if (told_ < slice.first_previous) {
    // The frames' `previous` lies between the client's cursor and ours: it must hold ours first.
    told_ = at_.position;
    format_.append_checkpoint(out_, at_);
    return own(true);
  }
  note_shown(slice.last);
  leave_head();
  const auto now = clock::now();
  last_frame_ = now;
  if (now - slice.known_at < with_.limits.slow_reader) last_fresh_ = now;
  portion made;
  made.bytes = format_.for_client(slice.bytes, out_);
  if (!out_.empty()) held_.set(out_.capacity());
  made.more = true;
  made.holds = std::move(slice.holds);
  made.events = slice.frames;
  made.known_at = slice.known_at;
  return made;
}

subscription::portion subscription::at_head(const core::cursor& head) {
  if (head.position > at_.position) at_ = head;
  at_head_ = true;
  last_fresh_ = clock::now();
  if (!caught_up_) {
    caught_up_ = true;
    told_ = at_.position;
    format_.append_caught_up(out_, at_);
  } else if (checkpoint_is_due()) {
    told_ = at_.position;
    format_.append_checkpoint(out_, at_);
  }
  return own(false);
}

// Of the log's history only what the hub follows now counts; what the client has beyond it is void.
subscription::portion subscription::resync(const stream_place& now, std::string_view reason) {
  generation_ = now.generation;
  pending_resync_ = {};
  note_shown(now.at);
  format_.append_resync(out_, reason, at_);
  return own(true);
}

// Whoever is behind holds what it was about to read. Thousands who ask for the whole log and never take it
// must not fill the memory: the more is held, the less each takes at once.
eventstore::page_bounds subscription::page_bounds_now() const {
  auto bounds = with_.limits.catch_up;
  const auto most = static_cast<std::int64_t>(bounds.max_bytes);
  const auto room = usual_held_bytes - with_.streams.counters().held_bytes.load(std::memory_order_relaxed);
  bounds.max_bytes =
      static_cast<std::size_t>(std::clamp(room / 8, std::min(smallest_page_bytes, most), most));
  return bounds;
}

asio::awaitable<subscription::portion> subscription::catch_up() {
  const auto bounds = page_bounds_now();
  const auto page = co_await with_.feed.read_after(at_, bounds, clock::now() + read_deadline);
  // The feed has been told; the hub rings when it knows the new history.
  if (page.history_changed) co_return own(false);
  // What was read may be of a history that this client has not been told of.
  if (with_.feed.generation() != generation_) co_return own(false);
  leave_head();
  auto& counters = with_.streams.counters();
  counters.catch_up_pages.fetch_add(1, std::memory_order_relaxed);
  const before_question wants = [this](const eventstore::feed_event& event) {
    return view().wants_before(event);
  };
  const auto before = co_await read_docs_before(with_.log, page.events, wants);
  for (std::size_t i = 0; i < before.covers; ++i) {
    if (out_.size() >= bounds.max_bytes) break; // a page of the log may be larger
    const auto& event = *page.events[i];
    at_ = event.at;
    if (!view().append(out_, event, previous_, before)) continue;
    note_shown(event.at);
    ++own_events_;
  }
  std::string mine;
  format_.for_client(out_, mine);
  if (!mine.empty()) out_.swap(mine);
  held_.set(out_.capacity());
  if (out_.empty() && clock::now() >= last_frame_ + filtered_checkpoint_every) {
    told_ = at_.position;
    format_.append_checkpoint(out_, at_);
  }
  co_return own(!page.events.empty());
}

void subscription::count_sent(const portion& done) const {
  auto& counters = with_.streams.counters();
  counters.bytes_sent.fetch_add(done.bytes.size(), std::memory_order_relaxed);
  if (done.events == 0) return;
  counters.events_sent.fetch_add(done.events, std::memory_order_relaxed);
  if (done.known_at != clock::time_point{}) counters.observe_delay(clock::now() - done.known_at);
}

} // namespace synclog::http::streams
