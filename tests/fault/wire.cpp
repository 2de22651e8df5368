// See wire.hpp.
#include "fault/wire.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace synclog::tests::fault {

namespace {

constexpr std::size_t read_bytes = 64u << 10;
constexpr std::size_t max_head_bytes = 64u << 10;
constexpr std::string_view crlf = "\r\n";

bool wait_for(int socket, short events, wire::clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - wire::clock::now()).count();
  pollfd wanted{socket, events, 0};
  return left > 0 && poll(&wanted, 1, static_cast<int>(left)) > 0;
}

std::string lower(std::string_view text) {
  std::string made(text);
  std::ranges::transform(made, made.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return made;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return text;
}

} // namespace

std::string_view wire_answer::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

void wire::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  buffer_.clear();
  read_ = 0;
}

bool wire::connect(std::uint16_t port, clock::time_point until) {
  if (socket_ >= 0 && port == port_) return true;
  close();
  if (port == 0) return false;
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return false;
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int error = 0;
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    error = errno;
    if (error == EINPROGRESS && wait_for(socket_, POLLOUT, until)) {
      socklen_t length = sizeof error;
      getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &length);
    }
  }
  if (error != 0) {
    close();
    return false;
  }
  port_ = port;
  return true;
}

bool wire::write_all(std::string_view bytes, clock::time_point until) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN || !wait_for(socket_, POLLOUT, until)) {
      return false;
    }
  }
  return true;
}

bool wire::read_more(clock::time_point until) {
  if (read_ > 0 && read_ == buffer_.size()) {
    buffer_.clear();
    read_ = 0;
  }
  const auto filled = buffer_.size();
  buffer_.resize(filled + read_bytes);
  for (;;) {
    const auto got = recv(socket_, buffer_.data() + filled, read_bytes, 0);
    if (got > 0) {
      buffer_.resize(filled + static_cast<std::size_t>(got));
      return true;
    }
    if (got == 0 || errno != EAGAIN || !wait_for(socket_, POLLIN, until)) {
      buffer_.resize(filled);
      return false;
    }
  }
}

// Where `mark` begins in unread(); npos when the connection ended first.
std::size_t wire::find(std::string_view mark, clock::time_point until) {
  for (;;) {
    const auto place = unread().find(mark);
    if (place != std::string_view::npos) return place;
    if (unread().size() > max_head_bytes || !read_more(until)) return std::string_view::npos;
  }
}

bool wire::read_head(wire_answer& answer, clock::time_point until) {
  const auto end = find("\r\n\r\n", until);
  if (end == std::string_view::npos) return false;
  std::string_view head = unread().substr(0, end);
  constexpr std::size_t status_at = 9; // behind "HTTP/1.1 "
  if (!head.starts_with("HTTP/1.") || head.size() < status_at + 3) return false;
  std::from_chars(head.data() + status_at, head.data() + status_at + 3, answer.status);
  auto line_end = head.find(crlf);
  while (line_end != std::string_view::npos) {
    head.remove_prefix(line_end + crlf.size());
    line_end = head.find(crlf);
    const auto line = head.substr(0, line_end);
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) {
      answer.headers.emplace_back(lower(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    }
  }
  read_ += end + 4;
  return true;
}

bool wire::pass_on(std::size_t bytes, clock::time_point until,
                   const std::function<void(std::string_view)>& on_body) {
  while (bytes > 0) {
    if (unread().empty() && !read_more(until)) return false;
    const auto piece = unread().substr(0, bytes);
    on_body(piece);
    read_ += piece.size();
    bytes -= piece.size();
  }
  return true;
}

bool wire::read_chunks(clock::time_point until, const std::function<void(std::string_view)>& on_body) {
  for (;;) {
    const auto line_end = find(crlf, until);
    if (line_end == std::string_view::npos) return false;
    std::size_t size = 0;
    const auto line = unread().substr(0, line_end);
    if (std::from_chars(line.data(), line.data() + line.size(), size, 16).ec != std::errc{}) return false;
    read_ += line_end + crlf.size();
    if (!pass_on(size, until, on_body) || find(crlf, until) != 0) return false;
    read_ += crlf.size();
    if (size == 0) return true;
  }
}

bool wire::read_body(const wire_answer& answer, clock::time_point until,
                     const std::function<void(std::string_view)>& on_body) {
  if (answer.status == 204 || answer.status == 304) return true;
  if (answer.header("transfer-encoding") == "chunked") return read_chunks(until, on_body);
  std::size_t size = 0;
  const auto length = answer.header("content-length");
  if (std::from_chars(length.data(), length.data() + length.size(), size).ec != std::errc{}) return false;
  return pass_on(size, until, on_body);
}

exchange wire::stream(std::uint16_t port, std::string_view request, clock::time_point until,
                      wire_answer& answer, const std::function<void(std::string_view)>& on_body) {
  answer = {};
  if (!connect(port, until)) return exchange::not_sent;
  if (!write_all(request, until) || !read_head(answer, until) || !read_body(answer, until, on_body)) {
    answer = {};
    close();
    return exchange::no_answer;
  }
  if (lower(answer.header("connection")) == "close") close();
  return exchange::answered;
}

exchange wire::send(std::uint16_t port, std::string_view request, clock::time_point until,
                    wire_answer& answer) {
  std::string body;
  const auto keep = [&body](std::string_view piece) { body += piece; };
  const auto came = stream(port, request, until, answer, keep);
  answer.body = std::move(body);
  return came;
}

std::string make_request(std::string_view method, std::string_view target, std::string_view headers,
                         std::string_view body) {
  return fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}Content-Length: {}\r\n\r\n{}", method, target,
                     headers, body.size(), body);
}

} // namespace synclog::tests::fault
