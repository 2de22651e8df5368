// See socket_session.hpp. Two coroutines on one strand: the reader turns frames into changes of the set of
// subscriptions, the writer is the only one who writes. A bell between them.
#include "http/streams/socket_session.hpp"
#include "core/json.hpp"
#include "http/sse.hpp"
#include "http/streams/counters.hpp"
#include "http/streams/event_view.hpp"
#include "http/streams/hub.hpp"
#include "http/streams/socket_frames.hpp"
#include "http/streams/socket_pipe.hpp"
#include "http/streams/start.hpp"
#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/system/system_error.hpp>
#include <memory>
#include <optional>
#include <spdlog/spdlog.h>
#include <vector>

namespace synclog::http::streams {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr std::size_t max_message_bytes = 64u << 10;
constexpr std::size_t max_subscriptions = 64;
constexpr std::size_t max_replies_bytes = 64u << 10; // unread answers; then the client's frames wait
constexpr int tolerated_bad_frames = 20;             // within bad_frames_window
constexpr auto bad_frames_window = 10s;
constexpr auto ping_after = 20s;      // of silence
constexpr auto gone_after = 60s;      // of silence
constexpr auto closing_patience = 3s; // for the client's close frame

enum close_code : std::uint16_t { bad_request = 4400, too_slow = 4413, restart = 1012 };

// What one subscription of the socket was asked for, and its way through the log.
struct followed {
  std::string name;
  std::optional<std::vector<std::string>> channels; // no value = all resources
  std::vector<std::string> branches, ids, actions;
  std::unique_ptr<subscription> source;
  bool ended = false;
};

class socket_session {
 public:
  socket_session(const services& with, const request& asked, responder& answer, taken_connection connection)
      : with_(with), asked_(asked), answer_(answer), connection_(std::move(connection)),
        bell_(with.streams.sweep()), room_(with.streams.sweep()),
        counted_(with.streams.counters(), stream_kind::websocket),
        ws_(connection_, [this] { bell_.ring(); }) {}

  asio::awaitable<void> run() {
    answer_.on_change([this] { bell_.ring(); });
    auto reading = read_all();
    auto writing = write_all();
    co_await (std::move(reading) && std::move(writing));
    answer_.on_change({});
  }

 private:
  using text_list = std::vector<std::string>;

  // Reading. Neither side throws: each ends the other through over_.
  asio::awaitable<void> read_all() {
    try {
      co_await read_frames();
    } catch (const std::exception& unexpected) {
      spdlog::error("websocket, request {}: {}", asked_.request_id, unexpected.what());
    }
    reader_ended_ = true;
    bell_.ring();
  }

  asio::awaitable<bool> accept() {
    beast::http::request<beast::http::empty_body> upgrade(beast::http::verb::get, "/ws", 11);
    upgrade.set(beast::http::field::host, asked_.header("host"));
    for (const auto name : {"upgrade", "connection", "sec-websocket-key", "sec-websocket-version"})
      upgrade.set(name, asked_.header(name));
    ws_.read_message_max(max_message_bytes);
    // Silence is watched by the writer; Beast's own timers would write by themselves.
    beast::websocket::stream_base::timeout none{};
    none.handshake_timeout = none.idle_timeout = beast::websocket::stream_base::none();
    none.keep_alive_pings = false;
    ws_.set_option(none);
    auto decorate = [id = asked_.request_id](beast::websocket::response_type& made) {
      made.set(beast::http::field::server, "synclog");
      made.set("X-Request-Id", id);
    };
    ws_.set_option(beast::websocket::stream_base::decorator(std::move(decorate)));
    auto heard = [this](beast::websocket::frame_type, beast::string_view) { last_heard_ = clock::now(); };
    ws_.control_callback(std::move(heard));
    error_code ec;
    co_await ws_.async_accept(upgrade, asio::redirect_error(asio::use_awaitable, ec));
    co_return !ec;
  }

  asio::awaitable<void> read_frames() {
    if (!co_await accept()) co_return;
    accepted_ = true;
    std::string hello;
    socket_format().append_hello(hello, with_.feed.head());
    reply_bytes(hello);
    beast::flat_buffer frame;
    while (!closing_) {
      error_code ec;
      co_await ws_.async_read(frame, asio::redirect_error(asio::use_awaitable, ec));
      if (ec) co_return;
      last_heard_ = clock::now();
      const auto bytes = frame.cdata();
      std::string text(static_cast<const char*>(bytes.data()), bytes.size());
      frame.consume(frame.size());
      if (frame.capacity() > kept_read_bytes) frame = beast::flat_buffer();
      co_await handle(std::move(text));
      while (replies_.size() > max_replies_bytes && !closing_ && !writer_ended_)
        co_await room_.wait_until(clock::now() + 1s);
    }
    // Our close frame is on its way: read on until the client's.
    error_code ec;
    while (!ec) {
      co_await ws_.async_read(frame, asio::redirect_error(asio::use_awaitable, ec));
      frame.consume(frame.size());
    }
  }

  asio::awaitable<void> handle(std::string text) {
    auto parsed = ws_.got_text() ? parse_client_frame(text, with_.entities)
                                 : core::make_problem(core::problem_code::bad_request,
                                                      "frames are text: JSON objects with a \"type\"");
    std::optional<core::problem> refused;
    if (!parsed) {
      refused = parsed.error();
    } else if (auto* wanted = std::get_if<subscribe_frame>(&*parsed)) {
      refused = co_await subscribe(std::move(*wanted));
    } else if (auto* unwanted = std::get_if<unsubscribe_frame>(&*parsed)) {
      refused = co_await unsubscribe(std::move(*unwanted));
    } else {
      reply(R"({"type":"pong"})");
    }
    if (!refused) co_return;
    reply(error_text(*refused));
    note_bad_frame();
  }

  void note_bad_frame() {
    const auto now = clock::now();
    if (now - bad_frames_since_ > bad_frames_window) {
      bad_frames_since_ = now;
      bad_frames_ = 0;
    }
    if (++bad_frames_ > tolerated_bad_frames) begin_close(close_code::bad_request, "too many bad frames");
  }

  // A subscription of that name goes on with more channels, another filter or another place; else a new one.
  asio::awaitable<std::optional<core::problem>> subscribe(subscribe_frame wanted) {
    auto before = find(wanted.subscription);
    if (!before && followed_.size() >= max_subscriptions)
      co_return core::make_problem(core::problem_code::bad_request,
                                   "this socket has 64 subscriptions, the most it can have");
    auto made = std::make_shared<followed>();
    if (before) {
      made->channels = before->channels;
      made->branches = before->branches;
      made->ids = before->ids;
      made->actions = before->actions;
    } else {
      made->channels.emplace();
    }
    made->name = wanted.subscription;
    if (!wanted.channels) {
      made->channels.reset();
    } else if (made->channels) {
      for (auto& one : *wanted.channels)
        if (std::find(made->channels->begin(), made->channels->end(), one) == made->channels->end())
          made->channels->push_back(std::move(one));
    }
    if (wanted.branches) made->branches = std::move(*wanted.branches);
    if (wanted.ids) made->ids = std::move(*wanted.ids);
    if (wanted.actions) made->actions = std::move(*wanted.actions);
    auto start = start_from_now(with_);
    if (wanted.after) {
      try {
        const auto resolved = co_await resolve_start(with_, *wanted.after, clock::now() + 10s);
        if (!resolved) co_return resolved.error();
        start = *resolved;
      } catch (const eventstore::pg::unavailable&) {
        co_return core::make_problem(core::problem_code::database_unavailable,
                                     "the log cannot be read just now: try again");
      }
    }
    count_start(with_, start);
    auto from = subscription_start_of(start);
    // Without a place of its own the new filter begins where the old one has got to: the client holds
    // everything before.
    before = find(wanted.subscription);
    if (before && !wanted.after) from = before->source->place();
    open(*made, from);
    replace(before, made);
    reply(subscribed_text(made->name, made->channels, wanted.unknown, from.at, with_.entities));
    co_return std::nullopt;
  }

  asio::awaitable<std::optional<core::problem>> unsubscribe(unsubscribe_frame wanted) {
    const auto before = find(wanted.subscription);
    if (!before)
      co_return core::make_problem(core::problem_code::bad_request, "there is no such subscription here");
    std::optional<text_list> left;
    if (wanted.channels) {
      left = before->channels ? *before->channels : all_channels();
      const auto leaves = [&wanted](const std::string& one) {
        return std::find(wanted.channels->begin(), wanted.channels->end(), one) != wanted.channels->end();
      };
      std::erase_if(*left, leaves);
    }
    if (!left || left->empty()) {
      replace(before, nullptr);
      reply(unsubscribed_text(before->name, {}, {}));
      co_return std::nullopt;
    }
    auto made = std::make_shared<followed>();
    made->name = before->name;
    made->channels = left;
    made->branches = before->branches;
    made->ids = before->ids;
    made->actions = before->actions;
    const auto from = before->source->place();
    open(*made, from);
    replace(before, made);
    reply(unsubscribed_text(made->name, *left, from.at));
    co_return std::nullopt;
  }

  text_list all_channels() const {
    text_list names;
    for (const auto& definition : with_.entities.all())
      names.push_back(definition->name);
    return names;
  }

  void open(followed& one, const subscription_start& from) {
    core::event_filter filter;
    filter.caller = asked_.caller;
    if (one.channels) filter.resources = *one.channels;
    // Only unknown channels: nothing has this name, and an empty list would be everything.
    if (one.channels && one.channels->empty()) filter.resources = {""};
    filter.branches = one.branches;
    filter.ids = one.ids;
    filter.actions = one.actions;
    auto view = std::make_shared<const event_view>(std::move(filter),
                                                   std::make_shared<const socket_format>(one.name));
    one.source = std::make_unique<subscription>(with_, std::move(view), from, bell_);
  }

  std::shared_ptr<followed> find(std::string_view name) const {
    for (const auto& one : followed_)
      if (one->name == name) return one;
    return nullptr;
  }

  void replace(const std::shared_ptr<followed>& before, std::shared_ptr<followed> after) {
    if (before) {
      before->ended = true;
      std::erase(followed_, before);
    }
    if (after) followed_.push_back(std::move(after));
  }

  void reply(std::string_view text) {
    socket_format::append_frame(replies_, text);
    bell_.ring();
  }
  void reply_bytes(std::string_view frames) {
    replies_ += frames;
    bell_.ring();
  }

  // The close frame goes out after what is waiting; then only the client's own is waited for.
  void begin_close(std::uint16_t code, std::string_view reason) {
    if (closing_) return;
    closing_ = true;
    close_until_ = clock::now() + closing_patience;
    socket_format::append_close(replies_, code, reason);
    bell_.ring();
  }

  // Writing.
  asio::awaitable<void> write_all() {
    try {
      co_await write_frames();
    } catch (const boost::system::system_error&) {
      // The client is gone.
    } catch (const std::exception& unexpected) {
      spdlog::error("websocket, request {}: {}", asked_.request_id, unexpected.what());
    }
    writer_ended_ = true;
    ws_.next_layer().shut();
    room_.ring();
  }

  asio::awaitable<void> write_frames() {
    while (!answer_.peer_closed()) {
      if (co_await write_replies()) continue;
      if (reader_ended_) co_return;
      const auto now = clock::now();
      if (closing_ && now >= close_until_) co_return;
      if (now - last_heard_ > gone_after) co_return;
      if (!closing_) say_bye_if_draining();
      bool more = false;
      if (!closing_ && !peer_closing_) more = co_await write_subscriptions();
      if (more || !replies_.empty()) continue;
      if (!closing_ && now >= next_ping()) {
        last_ping_ = now;
        socket_format::append_ping(replies_);
        continue;
      }
      co_await bell_.wait_until(next_look());
    }
  }

  // What Beast and the reader have left. False when there was nothing.
  asio::awaitable<bool> write_replies() {
    auto& pipe = ws_.next_layer();
    const bool of_beast = !pipe.pending().empty();
    if (!of_beast && replies_.empty()) co_return false;
    std::string out = of_beast ? pipe.pending() : std::string();
    if (of_beast && accepted_ && (static_cast<unsigned char>(out[0]) & 0x0f) == 0x8) {
      // Beast answers the client's close frame, or refuses what it sent: nothing may follow.
      peer_closing_ = true;
      if (closing_) out.clear(); // our own has gone out already
      replies_.clear();
    } else {
      out += replies_;
      replies_.clear();
    }
    if (!out.empty()) co_await answer_.write(out);
    if (of_beast) pipe.written();
    room_.ring();
    co_return true;
  }

  // One piece of each subscription. True when there is more.
  asio::awaitable<bool> write_subscriptions() {
    bool more = false;
    const auto round = followed_; // the reader may change the set while something is awaited
    for (const auto& one : round) {
      if (one->ended) continue;
      if (one->source->too_slow()) {
        with_.streams.counters().slow_closes.fetch_add(1, std::memory_order_relaxed);
        say_bye("too_slow");
        begin_close(close_code::too_slow, "too slow");
        co_return false;
      }
      subscription::portion ready;
      try {
        ready = co_await one->source->next();
      } catch (const eventstore::pg::unavailable&) {
        say_bye("database_unavailable");
        begin_close(close_code::restart, "database unavailable");
        co_return false;
      }
      if (one->ended || closing_) continue;
      if (!ready.bytes.empty()) {
        co_await answer_.write(ready.bytes);
        one->source->count_sent(ready);
      } else if (ready.more) {
        // Nothing of a long stretch concerns this one: other sessions come first.
        const auto executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::use_awaitable);
      }
      more = more || ready.more;
    }
    co_return more;
  }

  void say_bye(std::string_view reason) {
    std::string bye;
    socket_format().append_bye(bye, reason, sse::jittered_retry());
    reply_bytes(bye);
  }

  void say_bye_if_draining() {
    if (!answer_.draining()) return;
    say_bye("restart");
    begin_close(close_code::restart, "restart");
  }

  clock::time_point next_ping() const { return std::max(last_heard_, last_ping_) + ping_after; }

  clock::time_point next_look() const {
    if (closing_) return close_until_;
    auto soonest = next_ping();
    for (const auto& one : followed_)
      soonest = std::min(soonest, one->source->next_control());
    return soonest;
  }

  static constexpr std::size_t kept_read_bytes = 4u << 10;

  const services& with_;
  const request& asked_;
  responder& answer_;
  taken_connection connection_;
  bell bell_, room_; // rung for the writer; for the reader when answers have gone out
  open_stream counted_;
  beast::websocket::stream<socket_pipe> ws_;
  std::vector<std::shared_ptr<followed>> followed_;
  std::string replies_; // ready frames
  clock::time_point last_heard_ = clock::now(), last_ping_{}, close_until_{}, bad_frames_since_{};
  int bad_frames_ = 0;
  bool accepted_ = false, closing_ = false, peer_closing_ = false;
  bool reader_ended_ = false, writer_ended_ = false;
};

} // namespace

asio::awaitable<void> run_socket(const services& with, const request& asked, responder& answer,
                                 taken_connection connection) {
  const auto session = std::make_unique<socket_session>(with, asked, answer, std::move(connection));
  co_await session->run();
}

} // namespace synclog::http::streams
