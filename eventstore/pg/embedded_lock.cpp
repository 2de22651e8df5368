// flock on files in the data folder.
#include "eventstore/pg/embedded_lock.hpp"
#include "eventstore/pg/embedded_layout.hpp"
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace synclog::eventstore::pg::embedded {

namespace {

constexpr int poll_interval_ms = 10;

std::string signature_in(int fd) {
  std::array<char, 200> text{};
  const ssize_t got = pread(fd, text.data(), text.size(), 0);
  std::string_view seen(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  return std::string(seen.substr(0, seen.find('\n')));
}

} // namespace

core::result<folder_lock> folder_lock::take(const std::string& path, mode how,
                                            std::chrono::milliseconds patience) {
  folder_lock taken;
  taken.fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (taken.fd_ < 0) return io_problem("cannot open the lock file", path, errno);
  const auto until = std::chrono::steady_clock::now() + patience;
  const int operation = (how == mode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
  while (flock(taken.fd_, operation) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return io_problem("cannot lock", path, errno);
    if (std::chrono::steady_clock::now() >= until) {
      const std::string holder = signature_in(taken.fd_);
      return core::make_problem(
          core::problem_code::precondition_failed,
          fmt::format("another synclog process{} is starting or stopping the database and holds {}: "
                      "try again when it is done, or end that process",
                      holder.empty() ? "" : ", " + holder + ",", path));
    }
    poll(nullptr, 0, poll_interval_ms);
  }
  return taken;
}

folder_lock::folder_lock(folder_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

folder_lock& folder_lock::operator=(folder_lock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

folder_lock::~folder_lock() {
  release();
}

bool folder_lock::become_exclusive() {
  return fd_ >= 0 && flock(fd_, LOCK_EX | LOCK_NB) == 0;
}

void folder_lock::sign(const std::string& what) {
  const std::string text = fmt::format("pid {} ({})\n", getpid(), what);
  if (ftruncate(fd_, 0) != 0 || pwrite(fd_, text.data(), text.size(), 0) < 0)
    return; // only for people to read
}

void folder_lock::release() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

} // namespace synclog::eventstore::pg::embedded
