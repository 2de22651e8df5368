// See socket_session.hpp. One loop: take what has come, answer it, write what the subscriptions show, look at
// the clock; rest when nothing of it is left.
#include "http/streams/socket_session.hpp"
#include "core/json.hpp"
#include "http/sse.hpp"
#include "http/streams/counters.hpp"
#include "http/streams/hub.hpp"
#include "http/streams/socket_frames.hpp"
#include "http/streams/socket_reader.hpp"
#include "http/streams/socket_silence.hpp"
#include "http/streams/socket_subscriptions.hpp"
#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string>
#include <utility>

namespace synclog::http::streams {

namespace asio = boost::asio;
using boost::system::error_code;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t max_message_bytes = 64u << 10;
constexpr std::size_t max_replies_bytes = 64u << 10; // unread answers; then the client's frames wait
constexpr std::size_t read_bytes = 64u << 10;        // at once
constexpr int tolerated_bad_frames = 20;             // within bad_frames_window
constexpr auto bad_frames_window = 10s;
constexpr auto closing_patience = 3s; // for the client's close frame
constexpr int most_portions = 8;      // of one step; then others come first

enum close_code : std::uint16_t {
  normal = 1000,
  no_code = 1005,
  restart = 1012,
  try_again_later = 1013,
  bad_request = 4400,
  token = 4401,
  too_slow = 4413
};

class socket_session final : public resting_stream {
 public:
  socket_session(const services& with, const request& asked, responder& answer, taken_connection connection)
      : with_(with), answer_(answer), socket_(connection.socket), bell_(with.streams.sweep(), answer),
        counted_(with.streams.counters(), stream_kind::websocket), reader_(max_message_bytes),
        subscriptions_(with, asked.caller, bell_) {
    reader_.push(connection.early_bytes);
    socket_format().append_hello(replies_, with.feed.head());
  }

  bool step() override;
  asio::awaitable<bool> work() override;

 private:
  enum class state : std::uint8_t {
    open,
    closing, // our close frame has gone out: only the client's is waited for
    last,    // what is in replies_ is the last that is written
  };

  bool read_some();
  asio::awaitable<bool> take_messages();
  asio::awaitable<void> take(socket_reader::message what);
  asio::awaitable<void> obey(const socket_reader::message& what);
  asio::awaitable<void> write_replies();
  asio::awaitable<bool> write_subscriptions();
  void look_at_clock();
  void note_bad_frame();
  void reply(std::string_view text) { socket_format::append_frame(replies_, text); }
  void say_bye(std::string_view reason, std::uint16_t code, std::string_view words);
  void begin_close(std::uint16_t code, std::string_view reason);

  clock::time_point next_look();

  const services& with_;
  responder& answer_;
  transport& socket_;
  bell bell_;
  open_stream counted_;
  socket_reader reader_;
  socket_subscriptions subscriptions_;
  std::string replies_;     // ready frames
  bool holds_ping_ = false; // among replies_
  socket_silence silence_{clock::now()};
  clock::time_point close_until_{}, bad_frames_since_{};
  int bad_frames_ = 0;
  state state_ = state::open;
};

bool socket_session::step() {
  if (state_ != state::open || !replies_.empty() || answer_.peer_closed() || answer_.draining() ||
      answer_.access_ended())
    return false;
  for (std::size_t index = 0; index < subscriptions_.size(); ++index) {
    subscription& source = subscriptions_.at(index);
    if (source.too_slow()) return false;
    bool more = true;
    for (int portions = 0; more; ++portions) {
      if (portions == most_portions) return false;
      const auto ready = source.ready();
      if (!ready) return false;
      const bool sent = answer_.write_now(ready->bytes);
      if (!ready->bytes.empty()) source.count_sent(*ready);
      if (!sent) return false;
      more = ready->more;
    }
    source.rest();
  }
  const auto now = clock::now();
  if (now >= silence_.next_ping()) {
    if (silence_.is_over(now)) return false;
    std::string ping;
    socket_format::append_ping(ping);
    silence_.pinged(now);
    if (!answer_.write_now(ping)) return false;
  }
  bell_.set_due(next_look());
  return true;
}

asio::awaitable<bool> socket_session::work() {
  co_await answer_.write({}); // what step() could not
  bool came = false, waiting = false;
  for (;;) {
    if (answer_.peer_closed()) co_return false;
    // What has come is answered before more is taken: a client that asks faster than it reads must wait.
    if (!waiting) came = read_some();
    waiting = co_await take_messages();
    look_at_clock();
    const bool last = state_ == state::last;
    if (!replies_.empty()) {
      co_await write_replies();
      if (!last) continue;
    }
    if (last) co_return false;
    bool more = false;
    if (state_ == state::open) more = co_await write_subscriptions();
    if (!replies_.empty()) continue;
    if (!more && !came && !waiting) {
      for (std::size_t index = 0; index < subscriptions_.size(); ++index)
        subscriptions_.at(index).rest();
      bell_.set_due(next_look());
      co_return true;
    }
    // A client that goes on talking, or a long stretch that concerns nobody here: other sessions come first.
    const auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
  }
}

// False when nothing has come.
bool socket_session::read_some() {
  thread_local std::array<char, read_bytes> scratch;
  error_code ec;
  const auto got = socket_.read_some(asio::buffer(scratch), ec);
  if (ec == asio::error::would_block || ec == asio::error::try_again) return false;
  if (ec || got == 0) {
    // The client has gone, perhaps with frames of ours unread: there is nobody to say anything to.
    state_ = state::last;
    replies_.clear();
    return true;
  }
  reader_.push({scratch.data(), got});
  return true;
}

// True when it stopped for the answers to go out: there may be more messages.
asio::awaitable<bool> socket_session::take_messages() {
  while (state_ != state::last) {
    if (replies_.size() > max_replies_bytes) co_return true;
    auto what = reader_.next();
    if (!what) break;
    silence_.heard(clock::now());
    co_await take(std::move(*what));
  }
  co_return false;
}

asio::awaitable<void> socket_session::take(socket_reader::message what) {
  using kind = socket_reader::kind;
  if (what.what == kind::close) {
    // An answer to ours ends it; to the client's own the answer is the last frame.
    replies_.clear();
    const bool is_answer = std::exchange(state_, state::last) == state::closing;
    if (!is_answer)
      socket_format::append_close(replies_, what.code == no_code ? std::uint16_t{normal} : what.code, "");
  } else if (what.what == kind::violation) {
    replies_.clear();
    const bool has_closed = std::exchange(state_, state::last) == state::closing;
    if (!has_closed) socket_format::append_close(replies_, what.code, what.payload);
  } else if (state_ == state::open) {
    if (what.what == kind::ping)
      socket_format::append_pong(replies_, what.payload);
    else if (what.what != kind::pong)
      co_await obey(what);
  }
}

asio::awaitable<void> socket_session::obey(const socket_reader::message& what) {
  auto parsed = what.what == socket_reader::kind::text
                    ? parse_client_frame(what.payload, with_.entities)
                    : core::make_problem(core::problem_code::bad_request,
                                         "frames are text: JSON objects with a \"type\"");
  core::result<std::string> answer = std::string(R"({"type":"pong"})");
  if (!parsed)
    answer = parsed.error();
  else if (auto* wanted = std::get_if<subscribe_frame>(&*parsed))
    answer = co_await subscriptions_.subscribe(std::move(*wanted));
  else if (const auto* unwanted = std::get_if<unsubscribe_frame>(&*parsed))
    answer = subscriptions_.unsubscribe(*unwanted);
  if (answer) {
    reply(*answer);
  } else {
    reply(error_text(answer.error()));
    using code = core::problem_code;
    // Not the client's fault, and a page that subscribes when its socket opens would wait forever.
    if (answer.error().code == code::database_unavailable)
      say_bye("database_unavailable", close_code::restart, "database unavailable");
    else if (answer.error().code == code::overloaded)
      say_bye("overloaded", close_code::try_again_later, "overloaded");
    else
      note_bad_frame();
  }
}

void socket_session::note_bad_frame() {
  const auto now = clock::now();
  if (now - bad_frames_since_ > bad_frames_window) {
    bad_frames_since_ = now;
    bad_frames_ = 0;
  }
  if (++bad_frames_ > tolerated_bad_frames) begin_close(close_code::bad_request, "too many bad frames");
}

asio::awaitable<void> socket_session::write_replies() {
  std::string out;
  out.swap(replies_);
  co_await answer_.write(out);
  if (std::exchange(holds_ping_, false)) silence_.pinged(clock::now());
}

// One piece of each subscription. True when there is more.
asio::awaitable<bool> socket_session::write_subscriptions() {
  bool more = false;
  for (std::size_t index = 0; index < subscriptions_.size(); ++index) {
    subscription& source = subscriptions_.at(index);
    if (source.too_slow()) {
      with_.streams.counters().slow_closes.fetch_add(1, std::memory_order_relaxed);
      say_bye("too_slow", close_code::too_slow, "too slow");
      co_return false;
    }
    subscription::portion ready;
    try {
      ready = co_await source.next();
    } catch (const std::runtime_error&) { // unavailable, or a statement that failed; nothing here writes

      say_bye("database_unavailable", close_code::restart, "database unavailable");
      co_return false;
    }
    if (!ready.bytes.empty()) {
      co_await answer_.write(ready.bytes);
      source.count_sent(ready);
    }
    more = more || ready.more;
  }
  co_return more;
}

void socket_session::look_at_clock() {
  const auto now = clock::now();
  const bool is_over = silence_.is_over(now) || (state_ == state::closing && now >= close_until_);
  if (is_over && state_ != state::last) {
    replies_.clear();
    state_ = state::last;
  }
  if (state_ != state::open) return;
  if (answer_.access_ended()) {
    say_bye("token", close_code::token, "token");
  } else if (answer_.draining()) {
    say_bye("restart", close_code::restart, "restart");
  } else if (now >= silence_.next_ping() && !holds_ping_) {
    holds_ping_ = true;
    socket_format::append_ping(replies_);
  }
}

void socket_session::say_bye(std::string_view reason, std::uint16_t code, std::string_view words) {
  socket_format().append_bye(replies_, reason, sse::jittered_retry());
  begin_close(code, words);
}

// The close frame goes out after what is waiting; then only the client's own is waited for.
void socket_session::begin_close(std::uint16_t code, std::string_view reason) {
  if (state_ != state::open) return;
  state_ = state::closing;
  close_until_ = clock::now() + closing_patience;
  socket_format::append_close(replies_, code, reason);
}

clock::time_point socket_session::next_look() {
  if (state_ == state::closing) return close_until_;
  auto soonest = silence_.next_ping();
  for (std::size_t index = 0; index < subscriptions_.size(); ++index)
    soonest = std::min(soonest, subscriptions_.at(index).next_control());
  return soonest;
}

} // namespace

std::unique_ptr<resting_stream> make_socket(const services& with, const request& asked, responder& answer,
                                            taken_connection connection) {
  return std::make_unique<socket_session>(with, asked, answer, std::move(connection));
}

} // namespace synclog::http::streams
