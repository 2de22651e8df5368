// Raw sockets and just enough HTTP to read answers.
#include "tests/support/http_client.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace synclog::tests {
namespace {

using clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("http_client: " + what);
}

bool wait_for(int fd, short what, std::chrono::milliseconds span) {
  pollfd watched{fd, what, 0};
  const auto until = clock::now() + span;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
    const int ready = poll(&watched, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) fail(std::string("poll: ") + std::strerror(errno));
  }
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

} // namespace

bool speaks_tls_by_default() {
  static const bool wanted = std::getenv("SYNCLOG_TEST_TLS") != nullptr;
  return wanted;
}

std::string http_reply::header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_name) return value;
  }
  return {};
}

std::size_t http_reply::count(std::string_view lower_name) const {
  return static_cast<std::size_t>(std::count_if(
      headers.begin(), headers.end(), [&](const auto& entry) { return entry.first == lower_name; }));
}

http_client::http_client(std::uint16_t port, options with) : options_(std::move(with)), port_(port) {
  const bool six = options_.host.find(':') != std::string::npos;
  fd_ = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) fail(std::string("socket: ") + std::strerror(errno));
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options_.receive_buffer_bytes > 0) {
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &options_.receive_buffer_bytes,
               sizeof options_.receive_buffer_bytes);
  }
  if (!options_.source.empty()) {
    sockaddr_in from{};
    from.sin_family = AF_INET;
    inet_pton(AF_INET, options_.source.c_str(), &from.sin_addr);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0)
      fail("bind to " + options_.source + ": " + std::strerror(errno));
  }
  int made = 0;
  if (six) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(port);
    inet_pton(AF_INET6, options_.host.c_str(), &to.sin6_addr);
    made = connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  } else {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    inet_pton(AF_INET, options_.host.c_str(), &to.sin_addr);
    made = connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  if (made != 0) {
    const std::string why = std::strerror(errno);
    close();
    fail("connect: " + why);
  }
  if (!options_.tls) return;
  try {
    tls_ = std::make_unique<tls_client>(fd_, *options_.tls, options_.patience);
  } catch (...) {
    close();
    throw;
  }
}

http_client::http_client(http_client&& other) noexcept
    : options_(std::move(other.options_)), port_(other.port_), fd_(std::exchange(other.fd_, -1)),
      tls_(std::move(other.tls_)), buffer_(std::move(other.buffer_)), was_reset_(other.was_reset_) {}

http_client::~http_client() {
  close();
}

std::size_t http_client::try_send(std::string_view bytes, std::chrono::milliseconds span) {
  const auto until = clock::now() + span;
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const auto left_over = bytes.substr(sent);
    const ssize_t wrote = tls_ ? tls_->send(left_over.data(), left_over.size())
                               : ::send(fd_, left_over.data(), left_over.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (wrote >= 0) {
      sent += static_cast<std::size_t>(wrote);
      continue;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return sent;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
    if (left.count() <= 0 || !wait_for(fd_, POLLOUT, left)) return sent;
  }
  return sent;
}

void http_client::send(std::string_view bytes) {
  if (try_send(bytes, options_.patience) != bytes.size()) fail("the server does not take what is sent");
}

void http_client::send_request(std::string_view method, std::string_view target, const http_headers& headers,
                               std::string_view body) {
  std::string out;
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  const auto given = [&headers](std::string_view name) {
    return std::any_of(headers.begin(), headers.end(),
                       [&](const auto& entry) { return lower_case(entry.first) == name; });
  };
  if (!given("host")) out += "Host: localhost:" + std::to_string(port_) + "\r\n";
  for (const auto& [name, value] : headers)
    out.append(name).append(": ").append(value).append("\r\n");
  const bool framed = given("content-length") || given("transfer-encoding");
  if (!framed && (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH")) {
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  out += "\r\n";
  out += body;
  send(out);
}

http_reply http_client::request(std::string_view method, std::string_view target, const http_headers& headers,
                                std::string_view body) {
  send_request(method, target, headers, body);
  return read_reply(method == "HEAD" ? answers_to::head : answers_to::other);
}

// What TLS has for itself wakes the socket too.
bool http_client::await_bytes(std::chrono::milliseconds span) {
  if (!tls_) return wait_for(fd_, POLLIN, span);
  const auto until = clock::now() + span;
  while (!tls_->has_bytes()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
    if (left.count() < 0 || !wait_for(fd_, tls_->has_unsent() ? POLLIN | POLLOUT : POLLIN, left))
      return false;
  }
  return true;
}

bool http_client::fill() {
  if (!await_bytes(options_.patience)) fail("nothing came in time");
  char chunk[16'384];
  const ssize_t got = tls_ ? tls_->receive(chunk, sizeof chunk) : recv(fd_, chunk, sizeof chunk, 0);
  if (got < 0) {
    if (errno == EINTR || errno == EAGAIN) return true;
    was_reset_ = errno == ECONNRESET;
    return false;
  }
  buffer_.append(chunk, static_cast<std::size_t>(got));
  return got > 0;
}

std::string http_client::take(std::size_t bytes) {
  while (buffer_.size() < bytes) {
    if (!fill())
      fail("the stream ended inside an answer, after " + std::to_string(buffer_.size()) + " bytes");
  }
  std::string out = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return out;
}

std::string http_client::take_until(std::string_view mark) {
  std::size_t from = 0;
  for (;;) {
    const std::size_t at = buffer_.find(mark, from);
    if (at != std::string::npos) return take(at + mark.size());
    from = buffer_.size() < mark.size() ? 0 : buffer_.size() - mark.size();
    if (!fill()) fail("the stream ended after '" + buffer_.substr(0, 200) + "'");
  }
}

http_reply http_client::read_head() {
  http_reply out;
  out.head = take_until("\r\n\r\n");
  if (!out.head.starts_with("HTTP/1.1 ")) fail("no HTTP answer: " + out.head.substr(0, 80));
  out.status = std::stoi(out.head.substr(9, 3));
  std::size_t begin = out.head.find("\r\n") + 2;
  while (begin + 2 < out.head.size()) {
    const std::size_t end = out.head.find("\r\n", begin);
    const std::string line = out.head.substr(begin, end - begin);
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) fail("a header without a colon: " + line);
    out.headers.emplace_back(lower_case(line.substr(0, colon)), line.substr(colon + 2));
    begin = end + 2;
  }
  return out;
}

http_reply http_client::read_reply(answers_to what) {
  http_reply out = read_head();
  if (what == answers_to::head || out.status == 204 || out.status == 304 || out.status / 100 == 1) return out;
  if (out.header("transfer-encoding") == "chunked") {
    while (auto chunk = read_chunk())
      out.body += *chunk;
  } else if (out.count("content-length") > 0) {
    out.body = take(std::stoul(out.header("content-length")));
  } else {
    out.body = read_to_end();
  }
  return out;
}

std::optional<std::string> http_client::read_chunk() {
  const std::size_t bytes = std::stoul(take_until("\r\n"), nullptr, 16);
  std::string out = take(bytes);
  if (take(2) != "\r\n") fail("a chunk without its end");
  if (bytes == 0) return std::nullopt;
  return out;
}

std::string http_client::read_some() {
  if (buffer_.empty()) fill();
  return std::exchange(buffer_, {});
}

std::string http_client::read_to_end() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

std::string http_client::read_line() {
  std::string out = take_until("\n");
  out.pop_back();
  if (!out.empty() && out.back() == '\r') out.pop_back();
  return out;
}

bool http_client::closed_by_server() {
  const auto until = clock::now() + options_.patience;
  while (clock::now() < until) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
    if (!await_bytes(left)) return false;
    if (!fill()) return true;
    buffer_.clear();
  }
  return false;
}

bool http_client::readable(std::chrono::milliseconds span) {
  return !buffer_.empty() || await_bytes(span);
}

void http_client::half_close() {
  if (tls_) tls_->say_end();
  shutdown(fd_, SHUT_WR);
}

void http_client::close() {
  if (tls_ && fd_ >= 0) tls_->say_end();
  tls_.reset();
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void http_client::reset() {
  const linger hard{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  tls_.reset();
  close();
}

sse_reader::sse_reader(http_client& client) : client_(client), head_(client.read_head()) {
  if (head_.status != 200 || !head_.header("content-type").starts_with("text/event-stream")) {
    fail("no event stream: " + head_.head);
  }
}

std::optional<std::string> sse_reader::line() {
  for (;;) {
    const std::size_t end = text_.find('\n');
    if (end != std::string::npos) {
      std::string out = text_.substr(0, end);
      text_.erase(0, end + 1);
      return out;
    }
    if (ended_) return std::nullopt;
    if (head_.header("transfer-encoding") == "chunked") {
      const auto chunk = client_.read_chunk();
      if (chunk)
        text_ += *chunk;
      else
        ended_ = true;
    } else {
      const std::string more = client_.read_some();
      if (more.empty()) ended_ = true;
      text_ += more;
    }
  }
}

std::optional<sse_event> sse_reader::next() {
  sse_event out;
  bool any = false;
  while (auto text = line()) {
    if (text->empty()) {
      if (any) return out;
      continue;
    }
    if (text->starts_with(':')) continue;
    const std::size_t colon = std::min(text->find(':'), text->size());
    const std::string name = text->substr(0, colon);
    std::string value = text->substr(std::min(colon + 1, text->size()));
    if (value.starts_with(' ')) value.erase(0, 1);
    any = true;
    if (name == "event")
      out.name = value;
    else if (name == "id")
      out.id = value;
    else if (name == "retry")
      out.retry = value;
    else if (name == "data")
      out.data += out.data.empty() ? value : "\n" + value;
  }
  return std::nullopt;
}

} // namespace synclog::tests
