// Libpq closes its socket by itself when the server is gone, and the number is free for the next one who
// opens something: nobody else's waiting may suffer from it.
#include "common.hpp"
#include <boost/asio/posix/stream_descriptor.hpp>
#include <doctest/doctest.h>
#include <future>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <vector>

using namespace synclog::tests;

namespace {

// A descriptor that waits in the same context, as an accepted connection does.
class watcher {
 public:
  watcher(io_threads& threads, int fd) : descriptor_(threads.context(), fd) {
    auto woken = [state = woken_](const boost::system::error_code& error) {
      if (!error) *state = true;
    };
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read, std::move(woken));
  }
  bool wakes() {
    const std::uint64_t one = 1;
    REQUIRE(write(descriptor_.native_handle(), &one, sizeof one) == sizeof one);
    return wait_until([this] { return woken_->load(); }, 5s);
  }

 private:
  std::shared_ptr<std::atomic<bool>> woken_ = std::make_shared<std::atomic<bool>>(false);
  asio::posix::stream_descriptor descriptor_;
};

int open_one() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  return fd;
}

// Whatever number below is free is taken, so that the next descriptor gets the number that is freed next.
class plugged_holes {
 public:
  plugged_holes() {
    for (int i = 0; i < most_holes; ++i)
      plugs_.push_back(open_one());
  }
  ~plugged_holes() {
    for (const int fd : plugs_)
      close(fd);
  }
  plugged_holes(const plugged_holes&) = delete;
  plugged_holes& operator=(const plugged_holes&) = delete;
  int highest() const { return plugs_.back(); }

 private:
  static constexpr int most_holes = 64;
  std::vector<int> plugs_; // ascending
};

} // namespace

TEST_CASE("descriptors: whoever gets the number of a broken connection's socket at once still hears") {
  constexpr int rounds = 30,
                most_rounds = 600; // the moment is short: a slow machine needs more tries to meet it
  io_threads threads;
  int reused = 0;
  for (int round = 0; round < rounds || (reused == 0 && round < most_rounds); ++round) {
    const auto broken = connect(threads);
    const auto closed = std::make_shared<std::atomic<bool>>(false);
    broken->on_close([closed] { *closed = true; });
    const plugged_holes plugs;
    const std::string end_it = "SELECT pg_terminate_backend(" + std::to_string(broken->backend_pid()) + ")";
    auto ending =
        std::async(std::launch::async, [&end_it] { test_cluster::shared().sql("postgres", end_it); });
    std::vector<std::unique_ptr<watcher>> heirs;
    const auto until = pg::clock::now() + default_patience;
    while (!*closed && pg::clock::now() < until) {
      const int fd = open_one();
      if (fd < plugs.highest())
        heirs.push_back(std::make_unique<watcher>(threads, fd));
      else
        close(fd);
    }
    ending.get();
    REQUIRE(*closed);
    for (const auto& each : heirs)
      CHECK(each->wakes());
    reused += static_cast<int>(heirs.size());
  }
  CHECK(reused > 0);
}
