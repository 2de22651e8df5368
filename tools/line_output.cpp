// See line_output.hpp.
#include "tools/line_output.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <poll.h>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace synclog::tools {

namespace asio = boost::asio;

namespace {

constexpr int wait_stretch_ms = 50;
// POSIX: a pipe that poll() calls writable takes this much without blocking (PIPE_BUF).
constexpr std::size_t max_write = 4'096;

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

} // namespace

asio::awaitable<line_output::outcome> line_output::write(std::string bytes, std::stop_token stop) {
  const auto executor = co_await asio::this_coro::executor;
  std::string_view left = bytes;
  while (!left.empty()) {
    pollfd state{descriptor_, POLLOUT, 0};
    const int ready = ::poll(&state, 1, wait_stretch_ms);
    if (ready < 0 && errno != EINTR) throw_errno("waiting for the output");
    if (ready <= 0) {
      if (stop.stop_requested()) co_return outcome::stopped;
      co_await asio::post(executor, asio::use_awaitable); // signals are heard here
      continue;
    }
    const auto taken = ::write(descriptor_, left.data(), std::min(left.size(), max_write));
    if (taken >= 0) {
      left.remove_prefix(static_cast<std::size_t>(taken));
    } else if (errno == EPIPE) {
      co_return outcome::reader_gone;
    } else if (errno != EINTR && errno != EAGAIN) {
      throw_errno("writing the output");
    }
  }
  co_return outcome::written;
}

bool line_output::reader_gone() const {
  pollfd state{descriptor_, 0, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & POLLERR) != 0;
}

bool line_output::is_terminal() const {
  return ::isatty(descriptor_) == 1;
}

} // namespace synclog::tools
