// See load_connection.hpp.
#include "tools/load/load_connection.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utility>

namespace synclog::tools::load {

failure failure_of(int error) {
  switch (error) {
  case ECONNREFUSED:
    return failure::connect_refused;
  case ECONNRESET:
  case EPIPE:
    return failure::reset;
  case ETIMEDOUT:
    return failure::timeout;
  default:
    return failure::connect_other;
  }
}

load_connection::load_connection(load_connection&& other) noexcept
    : failed_connects(other.failed_connects), fd_(std::exchange(other.fd_, -1)), stage_(other.stage_),
      watches_out_(other.watches_out_), since_ns_(other.since_ns_), out_(std::move(other.out_)),
      out_sent_(other.out_sent_), reader_(std::move(other.reader_)), ring_(std::move(other.ring_)),
      first_(other.first_), count_(other.count_) {}

void load_connection::watch(int epoll, std::uint64_t index, std::uint32_t events, int how) const {
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.u64 = index;
  epoll_ctl(epoll, how, fd_, &wanted);
}

std::optional<failure> load_connection::begin(const socket_address& address, int epoll, std::uint64_t index,
                                              std::int64_t now) {
  fd_ = socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0) return failure::connect_other;
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  since_ns_ = now;
  const bool connected = connect(fd_, address.get(), address.length) == 0;
  if (!connected && errno != EINPROGRESS) return failure_of(errno);
  stage_ = connected ? stage::open : stage::connecting;
  watches_out_ = !connected;
  watch(epoll, index, connected ? EPOLLIN : EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
  return {};
}

std::optional<failure> load_connection::finish_connect(int epoll, std::uint64_t index) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == ETIMEDOUT) return failure::connect_timeout;
  if (error != 0) return failure_of(error);
  stage_ = stage::open;
  failed_connects = 0;
  watches_out_ = false;
  watch(epoll, index, EPOLLIN, EPOLL_CTL_MOD);
  return {};
}

void load_connection::close(std::int64_t retry_ns) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  stage_ = stage::waiting;
  since_ns_ = retry_ns;
  out_.clear();
  out_sent_ = first_ = count_ = 0;
  reader_.reset();
}

std::size_t load_connection::send(int epoll, std::uint64_t index, int& error) {
  error = 0;
  std::size_t sum = 0;
  while (out_sent_ < out_.size()) {
    const auto went = ::send(fd_, out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
    if (went < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) error = errno;
      break;
    }
    out_sent_ += static_cast<std::size_t>(went);
    sum += static_cast<std::size_t>(went);
  }
  const bool all = out_sent_ == out_.size();
  if (all) {
    out_.clear();
    out_sent_ = 0;
  }
  if (error == 0 && watches_out_ == all) {
    watches_out_ = !all;
    watch(epoll, index, all ? EPOLLIN : EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
  }
  return sum;
}

under_way load_connection::pop() {
  const auto taken = ring_[first_];
  first_ = (first_ + 1) % ring_.size();
  --count_;
  return taken;
}

} // namespace synclog::tools::load
