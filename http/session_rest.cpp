// A stream at rest: its coroutine has ended, its session waits in the server's registry. Whoever rings for it
// does what is quickly done, under the session's mutex; for anything else a coroutine is started.
#include "http/long_wait.hpp"
#include "http/session.hpp"
#include <array>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace synclog::http {

namespace asio = boost::asio;
using boost::system::error_code;

void session::rest(std::unique_ptr<resting_stream> stream) {
  stream_ = std::move(stream);
}

void session::wake() {
  {
    const std::lock_guard guard(rest_mutex_);
    if (!at_rest_) {
      woken_ = true;
      return;
    }
    if (!has_input_ && stream_->step()) return;
    at_rest_ = false;
  }
  context_->resume(shared_from_this());
}

// True: the stream rests, and its coroutine must end. False: it is over.
asio::awaitable<bool> session::go_on() {
  for (;;) {
    has_input_ = false;
    if (!co_await stream_->work()) co_return false;
    if (taken_ && !watching_) watch_input();
    const std::lock_guard guard(rest_mutex_);
    // Who came in between found nobody at rest, and left it to us.
    if (std::exchange(woken_, false)) continue;
    at_rest_ = true;
    co_return true;
  }
}

asio::awaitable<session::ending> session::resume() {
  try {
    if (co_await go_on()) co_return ending::at_rest;
  } catch (const boost::system::system_error&) {
    // The client is gone.
  } catch (const std::exception& unexpected) {
    spdlog::error("stream ended by: {}", unexpected.what());
    dirty_ = true;
  }
  co_await close();
  co_return ending::over;
}

void session::watch_input() {
  watching_ = true;
  auto notice = [self = shared_from_this()](error_code ec) {
    if (!ec && self->nothing_to_read()) return self->watch_input();
    self->watching_ = false;
    {
      const std::lock_guard guard(self->rest_mutex_);
      self->has_input_ = true;
    }
    self->wake();
  };
  socket_.async_wait_read(long_wait(std::move(notice)));
}

bool session::write_now(std::string_view bytes) {
  const exchange& current = *exchange_;
  if (broken_) return false;
  if (bytes.empty() || current.headless) return true;
  constexpr std::string_view chunk_end = "\r\n";
  std::array<char, 20> chunk_head{}; // sixteen digits at most
  std::size_t head_bytes = 0, end_bytes = 0;
  if (current.framing == body_framing::chunked) {
    const auto end = fmt::format_to(chunk_head.data(), "{:x}\r\n", bytes.size());
    head_bytes = static_cast<std::size_t>(end - chunk_head.data());
    end_bytes = chunk_end.size();
  }
  parts rest{asio::buffer(chunk_head.data(), head_bytes), asio::buffer(bytes),
             asio::buffer(chunk_end.data(), end_bytes)};
  // Behind what is still waiting, nothing may go out of turn.
  if (output_.empty() && push(rest)) return true;
  if (broken_) return false;
  for (const asio::const_buffer& left : rest)
    output_.append(static_cast<const char*>(left.data()), left.size());
  return false;
}

} // namespace synclog::http
