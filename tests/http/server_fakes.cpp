// The fake handlers.
#include "server_fakes.hpp"
#include "eventstore/pg/types.hpp"
#include "tests/support/tls_files.hpp"
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

namespace synclog::tests {
namespace {

namespace asio = boost::asio;
using http::access;
using http::method;
using http::only;
using http::pace;

constexpr std::array table{
    http::route{only(method::get), "/tiny", nullptr, access::none, pace::quick},
    http::route{only(method::get), "/wait", nullptr, access::read, pace::waits},
    http::route{http::any_of(method::get, method::post), "/echo", nullptr, access::read, pace::waits},
    http::route{only(method::get), "/hold", nullptr, access::read, pace::waits},
    http::route{only(method::get), "/throw", nullptr, access::read, pace::waits},
    http::route{only(method::get), "/stream", nullptr, access::read, pace::waits},
    http::route{only(method::get), "/rest", nullptr, access::read, pace::waits},
    http::route{only(method::get), "/flood", nullptr, access::read, pace::waits},
    http::route{only(method::get), "/chunks", nullptr, access::read, pace::waits},
    http::route{only(method::get), "/big", nullptr, access::read, pace::waits},
    http::route{http::any_of(method::get, method::put), "/api/{entity}/{id}", nullptr, access::write,
                pace::waits},
};

asio::awaitable<void> pause(std::chrono::milliseconds span) {
  asio::steady_timer timer(co_await asio::this_coro::executor, span);
  boost::system::error_code ec;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

std::shared_ptr<http::tls_identity> make_identity() {
  static const tls_files files;
  auto loaded = http::tls_identity::load({.certificate = files.chain(), .key = files.key()});
  if (!loaded) throw std::runtime_error(loaded.error().detail);
  return *loaded;
}

http::response text(std::string body) {
  http::response out;
  out.headers.emplace_back("Content-Type", "text/plain");
  out.body = std::move(body);
  return out;
}

} // namespace

test_server::settings test_server::quick_settings() {
  settings out;
  out.limits.header_timeout = std::chrono::seconds(20);
  out.options.listen = {{"127.0.0.1", 0}};
  return out;
}

test_server::settings test_server::secure_settings() {
  auto out = quick_settings();
  out.options.tls = make_identity();
  return out;
}

test_server::test_server(settings with) : metrics_(table), threads_(with.threads) {
  http::dispatcher dispatch = [this](const http::route& target, const http::request& asked,
                                     http::responder& answer) { return call(target, asked, answer); };
  if (speaks_tls_by_default() && !with.options.tls) with.options.tls = make_identity();
  server_ = std::make_unique<http::server>(threads_.executor(), with.options, with.limits, table,
                                           std::move(dispatch), metrics_);
  server_->start();
  port_ = server_->endpoints().front().port();
}

test_server::~test_server() {
  if (!stopped_) stop(std::chrono::milliseconds(0));
}

std::chrono::milliseconds test_server::stop(std::chrono::milliseconds grace) {
  stopped_ = true;
  const auto began = std::chrono::steady_clock::now();
  threads_.run(server_->stop(began + grace));
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
}

asio::awaitable<void> test_server::call(const http::route& target, const http::request& asked,
                                        http::responder& answer) {
  ++handled;
  const std::string_view pattern = target.pattern;
  if (pattern == "/tiny" || pattern == "/wait") {
    co_await answer.send(text("{\"ok\":true}"));
  } else if (pattern == "/echo" && asked.method == method::post) {
    co_await answer.send(text(asked.body));
  } else if (pattern == "/echo") {
    std::string out = asked.path + "|" + asked.raw_query + "|" + asked.request_id;
    for (const auto& [name, value] : asked.headers)
      out += "\n" + name + "=" + value;
    co_await answer.send(text(std::move(out)));
  } else if (pattern == "/hold") {
    co_await hold(answer);
  } else if (pattern == "/throw") {
    co_await fail(asked, answer);
  } else if (pattern == "/stream") {
    co_await stream(answer);
  } else if (pattern == "/rest") {
    co_await rest(answer);
  } else if (pattern == "/flood") {
    co_await flood(asked, answer);
  } else if (pattern == "/chunks") {
    co_await answer.begin(text({}));
    co_await answer.write("one");
    co_await answer.write("");
    co_await answer.write(std::string(40'000, '2'));
    co_await answer.finish();
  } else if (pattern == "/big") {
    co_await answer.send(
        text(std::string(std::stoul(std::string(asked.parameter("bytes").value_or("0"))), 'x')));
  } else {
    co_await answer.send(text(asked.segments.back()));
  }
}

asio::awaitable<void> test_server::hold(http::responder& answer) {
  ++held;
  while (!released_)
    co_await pause(std::chrono::milliseconds(2));
  co_await answer.send(text("released"));
  --held;
}

asio::awaitable<void> test_server::stream(http::responder& answer) {
  if (answer.enter_streams()) {
    http::response full = text("full");
    full.status = 503;
    co_await answer.send(std::move(full));
    co_return;
  }
  http::response head;
  head.headers.emplace_back("Content-Type", "text/event-stream");
  co_await answer.begin(std::move(head));
  ++streaming;
  if (in_stream) in_stream();
  while (!answer.peer_closed() && !answer.draining()) {
    ++looks;
    co_await pause(std::chrono::milliseconds(2));
  }
  if (answer.draining() && !answer.peer_closed()) {
    ++drained;
    co_await answer.write("event: bye\ndata: {}\n\n");
    co_await answer.finish();
  }
  --streaming;
}

// Every seventh number is left to the coroutine.
class test_server::counting_stream final : public http::resting_stream {
 public:
  counting_stream(test_server& server, http::responder& answer) : server_(server), answer_(answer) {
    ++server_.streaming;
    const std::lock_guard guard(server_.counting_mutex_);
    server_.counting_.insert(&answer_);
  }
  ~counting_stream() override {
    {
      const std::lock_guard guard(server_.counting_mutex_);
      server_.counting_.erase(&answer_);
    }
    --server_.streaming;
  }

  bool step() override {
    ++server_.steps;
    if (answer_.peer_closed() || answer_.draining()) return false;
    while (written_ < server_.produced_) {
      if ((written_ + 1) % 7 == 0) return false;
      ++written_;
      if (!answer_.write_now(line())) return false;
    }
    return true;
  }
  asio::awaitable<bool> work() override {
    ++server_.works;
    co_await answer_.write({}); // what step() could not
    for (;;) {
      if (answer_.peer_closed()) co_return false;
      if (answer_.draining()) {
        ++server_.drained;
        co_await answer_.write("bye\n");
        co_await answer_.finish();
        co_return false;
      }
      if (written_ >= server_.produced_) co_return true;
      ++written_;
      const auto text = line();
      co_await answer_.write(text);
    }
  }

 private:
  std::string line() const { return std::to_string(written_) + std::string(100, '.') + "\n"; }

  test_server& server_;
  http::responder& answer_;
  int written_ = 0;
};

asio::awaitable<void> test_server::rest(http::responder& answer) {
  answer.enter_streams();
  co_await answer.begin(text({}));
  answer.rest(std::make_unique<counting_stream>(*this, answer));
}

void test_server::produce(int number) {
  int before = produced_;
  while (before < number && !produced_.compare_exchange_weak(before, number)) {
  }
  const std::lock_guard guard(counting_mutex_);
  for (http::responder* one : counting_)
    one->wake();
}

// Writes without end, whatever happens, until the session throws.
asio::awaitable<void> test_server::flood(const http::request& asked, http::responder& answer) {
  const std::string piece(std::stoul(std::string(asked.parameter("size").value_or("65536"))), 'f');
  ++streaming;
  co_await answer.begin(text({}));
  try {
    for (;;) {
      co_await answer.write(piece);
      flooded += piece.size();
    }
  } catch (...) {
    --streaming;
    throw;
  }
}

asio::awaitable<void> test_server::fail(const http::request& asked, http::responder& answer) {
  const std::string_view what = asked.parameter("what").value_or("");
  if (what == "late") {
    co_await answer.begin(text({}));
    co_await answer.write("half");
    throw std::runtime_error("secret detail");
  }
  if (what == "unavailable") throw eventstore::pg::unavailable("connection to 10.0.0.1 refused");
  if (what == "lost") throw eventstore::pg::connection_lost("secret detail");
  if (what == "shutting-down") throw eventstore::pg::query_failed({0, "57P01", "secret detail", "", "", ""});
  if (what == "statement") throw eventstore::pg::query_failed({0, "42601", "secret detail", "", "", ""});
  if (what == "nothing") co_return;
  const std::string rude = "one\r\ntwo\x1b[2J\x7f";
  if (what == "rude") throw std::runtime_error(rude);
  if (what == "rude-unavailable") throw eventstore::pg::unavailable(rude);
  if (what == "rude-statement") throw eventstore::pg::query_failed({0, "42601", rude, "", "", ""});
  if (what == "rude-timeout") throw eventstore::pg::query_failed({0, "57014", rude, "", "", ""});
  if (what == "sent") {
    co_await answer.send(text("sent"));
    throw std::runtime_error("too late");
  }
  throw std::runtime_error("secret detail");
}

} // namespace synclog::tests
