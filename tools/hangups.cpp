// See hangups.hpp.
#include "tools/hangups.hpp"
#include "http/off_thread.hpp"
#include "tools/tls_options.hpp"
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <functional>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace synclog::tools {

namespace asio = boost::asio;

namespace {

bool has_terminal() {
  const int terminal = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (terminal < 0) {
    return false;
  }
  ::close(terminal);
  return true;
}

bool ignores_hangups() {
  struct sigaction now {};
  return ::sigaction(SIGHUP, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// Of the process, as signals are.
volatile std::sig_atomic_t has_come = 0;
volatile std::sig_atomic_t ends_with_terminal = 0;

// Only calls that may be made in a signal's handler.
void keep_one(int) {
  const int error = errno;
  if (ends_with_terminal != 0 && !has_terminal()) {
    std::signal(SIGHUP, SIG_DFL);
    ::raise(SIGHUP); // when this returns
  } else {
    has_come = 1;
  }
  errno = error;
}

} // namespace

void keep_hangups() {
  if (ignores_hangups()) return;
  ends_with_terminal = has_terminal() ? 1 : 0;
  std::signal(SIGHUP, keep_one);
}

hangups::hangups(asio::io_context& context, std::shared_ptr<http::tls_identity> identity)
    : identity_(std::move(identity)), signals_(context) {
  if (identity_ || !ignores_hangups()) {
    signals_.add(SIGHUP);
  }
}

asio::awaitable<void> hangups::watch() {
  if (has_come != 0) {
    has_come = 0;
    co_await answer();
  }
  for (;;) {
    co_await signals_.async_wait(asio::use_awaitable);
    if (ends_with_terminal != 0 && !has_terminal()) {
      spdlog::info("the terminal has gone");
      co_return;
    }
    co_await answer();
  }
}

asio::awaitable<void> hangups::answer() {
  if (identity_) {
    co_await reload();
  } else {
    spdlog::info("SIGHUP: there is no certificate to read again (--tls-cert)");
  }
}

asio::awaitable<void> hangups::reload() {
  std::function<core::result<void>()> read = [this] { return identity_->reload(); };
  const auto done = co_await http::off_thread<core::result<void>>(readers_, std::move(read));
  if (done) {
    log_identity(*identity_);
  } else {
    spdlog::error("TLS: the certificate in use stays: {}", done.error().detail);
  }
}

} // namespace synclog::tools
