// A small blocking HTTP client for tests: raw bytes out, answers in, everything with a deadline. It hides
// nothing, so that a test may be as rude as an attacker. One thread uses an object at a time.
#pragma once
#include "tests/support/tls_client.hpp"
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synclog::tests {

struct http_reply {
  int status = 0;
  std::string head;                                         // as it came, with the empty line
  std::vector<std::pair<std::string, std::string>> headers; // names in lower case
  std::string body;                                         // without chunk framing

  // The first of that name, "" when there is none.
  std::string header(std::string_view lower_name) const;
  std::size_t count(std::string_view lower_name) const;
};

// SYNCLOG_TEST_TLS=1: clients speak TLS when they are not told otherwise, and servers that know of it do.
bool speaks_tls_by_default();

using http_headers = std::vector<std::pair<std::string, std::string>>;

struct http_client_options {
  std::string host = "127.0.0.1";
  std::chrono::milliseconds patience{15'000}; // of each call that waits
  int receive_buffer_bytes = 0;               // SO_RCVBUF; 0 = the system's
  std::string source{};                       // the IPv4 address it comes from; "" = the system's choice
  std::optional<tls_client_options> tls =
      speaks_tls_by_default() ? std::optional(tls_client_options{}) : std::nullopt;
};

class http_client {
 public:
  using options = http_client_options;

  // Connects; throws std::runtime_error when nobody listens.
  explicit http_client(std::uint16_t port, options with = {});
  ~http_client();
  http_client(http_client&& other) noexcept;
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;

  // Writes everything; throws std::runtime_error when the server has closed or takes nothing for `patience`.
  void send(std::string_view bytes);
  // As much as goes without an error, within `span`: how many bytes the server took.
  std::size_t try_send(std::string_view bytes, std::chrono::milliseconds span);

  // One request with Host and Content-Length as needed; the whole answer.
  http_reply request(std::string_view method, std::string_view target, const http_headers& headers = {},
                     std::string_view body = {});
  // The same without reading.
  void send_request(std::string_view method, std::string_view target, const http_headers& headers = {},
                    std::string_view body = {});

  enum class answers_to : std::uint8_t { other, head };
  // The next answer. Throws std::runtime_error at the end of the stream, on a broken answer, or after
  // `patience`.
  http_reply read_reply(answers_to what = answers_to::other);
  // Its head alone; the body is then read piece by piece.
  http_reply read_head();
  // One chunk of a chunked body; empty optional after the last one.
  std::optional<std::string> read_chunk();
  // At least one byte of what comes; "" at the end of the stream.
  std::string read_some();
  // Everything up to the end of the stream.
  std::string read_to_end();
  // One line without its end, of a body read without framing.
  std::string read_line();

  // True when the server closes (in order or by reset) within `patience`; what it sends before is thrown
  // away.
  bool closed_by_server();
  // True when the last read ended by a reset.
  bool was_reset() const { return was_reset_; }
  // True when bytes arrive within `span`.
  bool readable(std::chrono::milliseconds span);

  void half_close();
  void close();
  void reset(); // closes with RST
  int descriptor() const { return fd_; }
  tls_client& tls() { return *tls_; } // when it speaks TLS

 private:
  bool fill(); // false at the end of the stream
  bool await_bytes(std::chrono::milliseconds span);
  std::string take_until(std::string_view mark);
  std::string take(std::size_t bytes);

  options options_;
  std::uint16_t port_;
  int fd_ = -1;
  std::unique_ptr<tls_client> tls_;
  std::string buffer_;
  bool was_reset_ = false;
};

// One server-sent event.
struct sse_event {
  std::string name; // "" = unnamed
  std::string id;
  std::string data;
  std::string retry;
};

// Reads the events of a text/event-stream answer. The client must have sent the request.
class sse_reader {
 public:
  // Reads the head; throws when the answer is no stream.
  explicit sse_reader(http_client& client);
  const http_reply& head() const { return head_; }
  // The next event; comments are skipped. Empty at the end of the stream; throws after the client's patience.
  std::optional<sse_event> next();

 private:
  std::optional<std::string> line();

  http_client& client_;
  http_reply head_;
  std::string text_;
  bool ended_ = false;
};

} // namespace synclog::tests
