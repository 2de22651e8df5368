// See fake_server.hpp.
#include "fake_server.hpp"
#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <netinet/in.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

namespace synclog::tests {

namespace {

// The length of the first request in the text, 0 while it is not whole.
std::size_t request_bytes(std::string_view text) {
  const auto end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  constexpr std::string_view name = "Content-Length: ";
  const auto at = text.substr(0, end).find(name);
  const std::size_t body =
      at == std::string_view::npos ? 0 : std::strtoul(text.data() + at + name.size(), nullptr, 10);
  return text.size() >= end + 4 + body ? end + 4 + body : 0;
}

} // namespace

fake_server::fake_server(options how)
    : options_(std::move(how)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, SOMAXCONN) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("the fake server cannot listen");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this] { accept_all(); });
}

fake_server::~fake_server() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard guard(mutex_);
    for (const int each : connections_)
      shutdown(each, SHUT_RDWR);
  }
  threads_.clear();
  for (const int each : connections_)
    close(each);
  close(listener_);
}

std::string fake_server::url() const {
  return "http://127.0.0.1:" + std::to_string(port_);
}

void fake_server::accept_all() {
  for (;;) {
    const int made = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (made < 0) return;
    const std::lock_guard guard(mutex_);
    connections_.push_back(made);
    threads_.emplace_back([this, made] { serve(made); });
  }
}

void fake_server::serve(int connection) {
  std::string text;
  std::array<char, 16'384> piece{};
  for (;;) {
    const auto got = recv(connection, piece.data(), piece.size(), 0);
    if (got <= 0) return;
    text.append(piece.data(), static_cast<std::size_t>(got));
    for (auto whole = request_bytes(text); whole > 0; whole = request_bytes(text)) {
      text.erase(0, whole);
      const auto number = requests_++;
      if (options_.before) {
        const std::lock_guard guard(answering_);
        options_.before(number);
      }
      if (!options_.answer.empty() &&
          send(connection, options_.answer.data(), options_.answer.size(), MSG_NOSIGNAL) < 0)
        return;
      if (options_.resets) {
        // Unread bytes or not: a lingering time of nothing and the end of both sides is a reset.
        const linger at_once{1, 0};
        setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        sockaddr none{};
        none.sa_family = AF_UNSPEC;
        connect(connection, &none, sizeof none);
        return;
      }
      if (options_.closes) {
        shutdown(connection, SHUT_RDWR);
        return;
      }
    }
  }
}

} // namespace synclog::tests
