// See log_tail.hpp.
#include "tools/log_tail.hpp"

#include "core/json.hpp"
#include "eventstore/pg/backoff.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "eventstore/statements.hpp"
#include "http/streams/event_envelope.hpp"
#include "tools/exit_codes.hpp"
#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <csignal>
#include <fmt/format.h>

namespace synclog::tools {

namespace asio = boost::asio;
namespace pg = eventstore::pg;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr auto start_deadline = 10s;
constexpr auto read_deadline = 10s;
constexpr auto look_around_every = 500ms; // for a lost connection or a reader that left, while nothing comes
constexpr std::chrono::milliseconds shortest_pause{100};
constexpr std::chrono::milliseconds longest_pause{2'000};
constexpr eventstore::page_bounds read_bounds{.max_events = 1'000, .max_bytes = 1u << 20};
constexpr std::size_t max_recent_bytes = 16u << 20;
// A page of updates to records that have not passed by costs at most so many reads.
constexpr std::size_t max_lookups_a_page = 100;

// True when a later try may work.
bool is_outage(const pg::query_failed& failed) {
  return pg::is_unavailable(failed.info().sqlstate);
}

std::int64_t number_in(std::string_view token) {
  std::int64_t number = 0;
  std::from_chars(token.data(), token.data() + token.size(), number);
  return number;
}

pg::pool_options one_connection() {
  pg::pool_options made;
  made.connections = 1;
  return made;
}

} // namespace

log_tail::log_tail(asio::io_context& context, pg::connect_options connect, tail_options options,
                   line_output output)
    : context_(context), options_(std::move(options)), output_(output),
      reads_(context.get_executor(), connect, one_connection()), log_(reads_),
      feed_(context.get_executor(), log_),
      listener_(context.get_executor(), connect, eventstore::statements::head_channel,
                [this] { feed_.hint(); }),
      signals_(context, SIGINT, SIGTERM), recent_(max_recent_bytes) {}

asio::awaitable<void> log_tail::run() {
  co_await feed_.start(pg::clock::now() + start_deadline);
  reconnects_ = reads_.stats().reconnects;
  auto following = follow_guarded();
  auto listening = stop_on_signal();
  co_await (std::move(following) && std::move(listening));
  if (failed_) std::rethrow_exception(failed_);
}

asio::awaitable<void> log_tail::follow_guarded() {
  try {
    co_await follow();
  } catch (...) {
    failed_ = std::current_exception();
  }
  ended_ = true;
  signals_.cancel();
}

// Stops everything, whether a signal came or the tail has ended by itself. The pool goes before the feed: a
// read that waits for a database that is away ends with it. The feed's end wakes a tail that waits.
asio::awaitable<void> log_tail::stop_on_signal() {
  if (!ended_) {
    boost::system::error_code cancelled;
    co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    stopping_.request_stop();
  }
  // A second signal ends the process at once.
  signals_.clear();
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  co_await listener_.stop();
  co_await reads_.stop();
  co_await feed_.stop();
}

asio::awaitable<void> log_tail::follow() {
  auto state = co_await find_start();
  pg::backoff pause(shortest_pause, longest_pause);
  while (state == going::on && !stopping_.stop_requested() && !output_.reader_gone()) {
    bool readable = true;
    try {
      state = co_await step();
      pause.reset();
    } catch (const pg::unavailable&) {
      readable = false;
    } catch (const pg::query_failed& failed) {
      if (!is_outage(failed)) throw;
      readable = false;
    }
    // Nothing is lost: at_ stands where it stood. The feed's end cuts the pause short.
    if (!readable) co_await feed_.wait_beyond(feed_.head().position, pg::clock::now() + pause.next());
  }
}

asio::awaitable<log_tail::going> log_tail::find_start() {
  generation_ = feed_.generation();
  const auto head = feed_.head();
  last_ = head.position;
  at_ = head;
  if (options_.after) {
    const auto given = *options_.after;
    const auto known = co_await log_.cursor_at(given.position, pg::clock::now() + read_deadline);
    if (!known) co_return refuse_history("--after: the log does not reach that far");
    if (given.fingerprint && *given.fingerprint != known->fingerprint)
      co_return refuse_history("--after: this cursor belongs to another history");
    at_ = *known;
  }
  previous_ = at_.position;
  co_return going::on;
}

// One page, or one wait for more.
asio::awaitable<log_tail::going> log_tail::step() {
  const auto state = co_await look_at_connection();
  if (state == connection_state::other_history) co_return going::finished;
  if (state == connection_state::away) {
    co_await feed_.wait_beyond(feed_.head().position, pg::clock::now() + look_around_every);
    co_return going::on;
  }
  if (options_.end == tail_end::at_head && at_.position >= last_) co_return going::finished;
  auto page = co_await feed_.read_after(at_, read_bounds, pg::clock::now() + read_deadline);
  if (page.history_changed || feed_.generation() != generation_)
    co_return refuse_history("the database came back with another history");
  // Read after a reconnection: the history is looked at before anything of it is shown.
  if (reads_.stats().reconnects != reconnects_) co_return going::on;
  if (!page.events.empty()) {
    co_await asio::post(context_, asio::use_awaitable); // signals are heard between any two pages
    co_return co_await show(std::move(page));
  }
  co_await feed_.wait_beyond(at_.position, pg::clock::now() + look_around_every);
  co_return going::on;
}

asio::awaitable<log_tail::going> log_tail::show(eventstore::feed_page page) {
  std::string out;
  lookups_left_ = max_lookups_a_page;
  auto state = going::on;
  for (const auto& event : page.events) {
    if (state == going::finished) break;
    if (options_.end == tail_end::at_head && event->at.position > last_) break;
    at_ = event->at;
    if (core::apply(options_.filter, event->keys()) == core::filter_verdict::hide) continue;
    co_await append(out, *event);
    previous_ = at_.position;
    if (++shown_ == options_.limit) state = going::finished;
  }
  const auto written = co_await output_.write(std::move(out), stopping_.get_token());
  co_return written == line_output::outcome::written ? state : going::finished;
}

asio::awaitable<void> log_tail::append(std::string& out, const eventstore::feed_event& event) {
  std::string envelope;
  http::streams::append_envelope(envelope, event, previous_, core::filter_verdict::show);
  if (options_.form == tail_form::json) {
    out += output_.is_terminal() ? harmless(envelope) : envelope;
    out += '\n';
    co_return;
  }
  const auto tokens = event_tokens::of(envelope);
  const auto changed = co_await changes_of(tokens);
  out += event_line(tokens, changed, options_.layout);
}

// Which fields an update changed; "" when there is nothing to compare. The version before is the one that
// passed by, or is read when it did not.
asio::awaitable<std::string> log_tail::changes_of(const event_tokens& event) {
  const auto resource = core::json::unquote(event.resource);
  const auto id = core::json::unquote(event.id);
  const auto version = number_in(event.version);
  const bool compares = event.action == R"("updated")" || event.action == R"("reverted")";
  std::string before;
  if (const auto* held = recent_.find(resource, id, version - 1)) {
    before = *held;
  } else if (compares && lookups_left_ > 0) {
    --lookups_left_;
    try {
      const auto found =
          co_await log_.history(resource, id, version - 2, 1, pg::clock::now() + read_deadline);
      if (!found.empty() && found.front().version == version - 1) before = found.front().data;
    } catch (const std::runtime_error&) {
      lookups_left_ = 0; // the lines come without their fields rather than not at all
    }
  }
  recent_.put(resource, id, version, event.data);
  co_return compares && !before.empty() ? changed_fields(before, event.data) : std::string();
}

// Says once that the connection is lost, and once that it is back. A database that comes back may have been
// restored from an older state: then what was shown is no longer what the log says.
asio::awaitable<log_tail::connection_state> log_tail::look_at_connection() {
  const auto now = reads_.stats();
  if (now.open > 0 && now.reconnects == reconnects_) co_return connection_state::good;
  if (!told_away_) {
    told_away_ = true;
    fmt::print(stderr, "synclog: the connection to the database is lost; reconnecting\n");
  }
  if (now.open == 0) co_return connection_state::away;
  const auto known = co_await log_.cursor_at(at_.position, pg::clock::now() + read_deadline);
  if (!known || known->fingerprint != at_.fingerprint) {
    refuse_history("the database came back with another history");
    co_return connection_state::other_history;
  }
  reconnects_ = now.reconnects;
  told_away_ = false;
  fmt::print(stderr, "synclog: connected again\n");
  co_return connection_state::good;
}

log_tail::going log_tail::refuse_history(std::string_view sentence) {
  fmt::print(stderr, "synclog: {}; its head is {}\n", sentence, core::to_string(feed_.head()));
  code_ = exit_difference_found;
  return going::finished;
}

} // namespace synclog::tools
