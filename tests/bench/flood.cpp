// See flood.hpp.
#include "bench/flood.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <deque>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace synclog::tests::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr double burst_s = 0.1; // so much of the rate may be opened at once

sockaddr_in loopback(std::uint32_t host, std::uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  made.sin_addr.s_addr = htonl((127u << 24) + host);
  return made;
}

// -1 when the system refuses.
int begin_connection(std::uint32_t source, std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const auto from = loopback(source, 0), to = loopback(1, port);
  const int on = 1;
  // Without it each bind would take a port from all destinations.
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  ::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from);
  ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  return fd;
}

} // namespace

flood::flood(flood_options options) : options_(options), thread_([this] { run(); }) {}

flood::~flood() {
  ending_ = true;
  thread_.join();
}

void flood::run() {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<int> all(options_.connections, -1);
  std::vector<std::size_t> closed(options_.connections);
  for (std::size_t place = 0; place < closed.size(); ++place)
    closed[place] = closed.size() - 1 - place;
  const auto a_second = static_cast<double>(options_.opened_a_second);
  double due = 0;
  auto looked = clock::now();
  while (!ending_) {
    const auto now = clock::now();
    // What was not opened while nothing could be is not made up for: that would be a flood without a rate.
    due = std::min(due + std::chrono::duration<double>(now - looked).count() * a_second, a_second * burst_s);
    looked = now;
    for (; !closed.empty() && due >= 1; ++opened_, --due) {
      const auto place = closed.back();
      const auto source =
          options_.sources == 0 ? 1u : static_cast<std::uint32_t>(2 + place % options_.sources);
      const int fd = begin_connection(source, options_.port);
      if (fd < 0) break;
      closed.pop_back();
      all[place] = fd;
      ++open_;
      epoll_event wanted{.events = EPOLLIN | EPOLLRDHUP, .data = {.u64 = place}};
      ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
    }
    std::array<epoll_event, 256> events{};
    constexpr int look_ms = 10;
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), look_ms);
    // Whatever the server says, it has closed or is about to.
    for (int one = 0; one < count; ++one) {
      const auto place = static_cast<std::size_t>(events[static_cast<std::size_t>(one)].data.u64);
      ::close(all[place]);
      all[place] = -1;
      closed.push_back(place);
      --open_;
    }
  }
  for (const int fd : all)
    if (fd >= 0) ::close(fd);
  ::close(epoll);
}

flood_sink::flood_sink(std::size_t most)
    : most_(most), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  auto at = loopback(1, 0);
  socklen_t size = sizeof at;
  auto* const address = reinterpret_cast<sockaddr*>(&at);
  if (listener_ < 0 || ::bind(listener_, address, size) != 0 || ::listen(listener_, SOMAXCONN) != 0 ||
      ::getsockname(listener_, address, &size) != 0)
    throw std::runtime_error("no port for the flood beside the server");
  port_ = ntohs(at.sin_port);
  thread_ = std::thread([this] { run(); });
}

flood_sink::~flood_sink() {
  ending_ = true;
  thread_.join();
  ::close(listener_);
}

void flood_sink::run() {
  std::deque<int> taken;
  while (!ending_) {
    pollfd wanted{.fd = listener_, .events = POLLIN, .revents = 0};
    constexpr int look_ms = 50; // how soon it ends
    if (::poll(&wanted, 1, look_ms) <= 0) continue;
    int fd;
    while ((fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0) {
      taken.push_back(fd);
      if (taken.size() <= most_) continue;
      ::close(taken.front());
      taken.pop_front();
    }
  }
  for (const int fd : taken)
    ::close(fd);
}

} // namespace synclog::tests::bench
