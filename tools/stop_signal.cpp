#include "tools/stop_signal.hpp"

#include <csignal>

namespace synclog::tools {

namespace {

std::atomic<bool> asked{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set by a signal handler");

void ask(int) {
  asked = true;
}

} // namespace

const std::atomic<bool>& stop_signal() {
  struct sigaction action {};
  action.sa_handler = ask;
  action.sa_flags = static_cast<int>(SA_RESETHAND); // no SA_RESTART: waits end
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return asked;
}

} // namespace synclog::tools
