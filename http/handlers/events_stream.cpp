// See events_stream.hpp.
#include "http/handlers/events_stream.hpp"
#include "http/handlers/events_frame.hpp"
#include "http/handlers/events_request.hpp"
#include "http/handlers/records_common.hpp"
#include "http/sse.hpp"
#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace synclog::http::handlers {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr eventstore::page_bounds read_bounds{.max_events = 1'000, .max_bytes = 256u << 10};
constexpr auto filtered_checkpoint_every = 5s; // while events pass that this stream does not show
constexpr auto idle_checkpoint_every = 15s;
constexpr auto look_around_every = 2s; // for a drain or a client that left, while nothing comes
constexpr auto read_deadline = 30s;

class subscriber {
 public:
  subscriber(const services& with, responder& answer, core::event_filter filter, stream_start start)
      : with_(with), answer_(answer), filter_(std::move(filter)), at_(start.at), told_(start.at.position),
        previous_(start.at.position) {
    sse::append_retry(out_, sse::jittered_retry());
    sse::append_hello(out_, at_);
    if (start.check != start_check::good) sse::append_resync(out_, to_string(start.check), at_);
  }

  asio::awaitable<void> run() {
    co_await answer_.begin(sse::stream_head());
    for (;;) {
      if (answer_.peer_closed()) {
        answer_.abort();
        co_return;
      }
      if (answer_.draining()) break;
      if (!co_await read_more()) break;
      append_controls();
      if (!out_.empty()) {
        co_await flush();
      } else if (behind_) {
        // Nothing of a long stretch concerns this stream: other sessions come first.
        const auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
      }
      if (!behind_ && !co_await wait_for_more()) break;
    }
    sse::append_bye(out_, ending_, sse::jittered_retry());
    co_await flush();
    co_await answer_.finish();
  }

 private:
  // False when the log cannot be read: the client comes back later, here or at another server.
  asio::awaitable<bool> read_more() {
    eventstore::feed_page page;
    try {
      page = co_await with_.feed.read_after(at_.position, read_bounds, clock::now() + read_deadline);
    } catch (const eventstore::pg::unavailable&) {
      ending_ = "database_unavailable";
      co_return false;
    }
    for (const auto& event : page.events) {
      const auto verdict = core::apply(filter_, event->keys());
      if (verdict == core::filter_verdict::hide) continue;
      sse::begin_event(out_, event->at);
      append_envelope(out_, *event, previous_, verdict);
      sse::end_event(out_);
      previous_ = told_ = event->at.position;
    }
    if (!page.events.empty()) at_ = page.end;
    behind_ = !page.events.empty() && at_.position < with_.feed.head().position;
    co_return true;
  }

  void append_controls() {
    if (!caught_up_ && !behind_) {
      caught_up_ = true;
      told_ = at_.position;
      sse::append_caught_up(out_, at_);
    } else if (out_.empty() && clock::now() >= next_checkpoint()) {
      told_ = at_.position;
      sse::append_checkpoint(out_, at_);
    }
  }

  clock::time_point next_checkpoint() const {
    return last_frame_ + (told_ < at_.position ? filtered_checkpoint_every : idle_checkpoint_every);
  }

  asio::awaitable<void> flush() {
    co_await answer_.write(out_);
    out_.clear();
    if (out_.capacity() > keep_bytes) out_.shrink_to_fit(); // an idle stream keeps no page of memory
    last_frame_ = clock::now();
  }

  // False when the feed has stopped, which it does when the server ends.
  asio::awaitable<bool> wait_for_more() {
    const auto until = std::min<clock::time_point>(clock::now() + look_around_every, next_checkpoint());
    const bool more = co_await with_.feed.wait_beyond(at_.position, until);
    co_return more || clock::now() >= until;
  }

  static constexpr std::size_t keep_bytes = 4u << 10;

  const services& with_;
  responder& answer_;
  core::event_filter filter_;
  core::cursor at_;         // looked at up to here
  core::position told_;     // the newest position that the client holds as its Last-Event-ID
  core::position previous_; // the last event shown, or the start: no match lies between it and at_
  bool behind_ = true;
  bool caught_up_ = false;
  std::string out_;
  std::string_view ending_ = "restart";
  clock::time_point last_frame_ = clock::now();
};

// Last-Event-ID beats ?after=; without either the stream starts now.
asio::awaitable<core::result<stream_start>> find_start(const services& with, const request& asked) {
  auto text = asked.header("last-event-id");
  if (text.empty()) text = asked.parameter("after").value_or("");
  if (text.empty() && !asked.parameter("after")) co_return stream_start{with.feed.head(), start_check::good};
  co_return co_await resolve_start(with, text, asked.until);
}

} // namespace

asio::awaitable<void> event_stream(const services& with, const request& asked, responder& answer,
                                   core::event_filter filter) {
  auto start = co_await find_start(with, asked);
  if (!start) {
    auto why = start.error();
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  if (asked.method == method::head) {
    auto head = sse::stream_head();
    co_await answer.send(std::move(head));
    co_return;
  }
  if (!answer.become_stream()) {
    auto why =
        core::make_problem(core::problem_code::overloaded, "this server has all the streams it can carry");
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  subscriber stream(with, answer, std::move(filter), *start);
  co_await stream.run();
}

} // namespace synclog::http::handlers
