// What a handler sees of HTTP: a request within limits, and a responder. No Beast here, so handlers compile
// fast and are tested without sockets. One request is handled on its session's strand.
#pragma once
#include "core/problem.hpp"
#include "core/scope.hpp"
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synclog::http {

namespace auth {
struct grant;
}
struct quotas;

enum class method : std::uint8_t { get, head, post, put, patch, delete_, options };

using header_list = std::vector<std::pair<std::string, std::string>>;
using parameter_list = std::vector<std::pair<std::string, std::string>>;

struct request {
  http::method method = http::method::get;
  std::string path;                  // decoded, without the query
  std::vector<std::string> segments; // path split at '/', each percent-decoded: {"api","clients","CLT-1"}
  parameter_list query;              // decoded, in order
  std::string raw_query;             // as it came
  header_list headers;               // names in lower case
  std::string body;
  core::scope caller;
  std::shared_ptr<const auth::grant> grant; // what let the caller in; null when nobody is asked
  bool https = false;                       // the host asked is published by https (--public-url)
  std::shared_ptr<http::quotas> quotas;     // what the caller may have at once; null = there are no bounds
  std::string account;                      // what it is counted under there; "" = it has no bound of its own
  std::string request_id;
  std::chrono::steady_clock::time_point until; // request deadline

  std::string_view header(std::string_view lower_name) const;             // "" when absent
  std::optional<std::string_view> parameter(std::string_view name) const; // the first
};

struct taken_connection; // http/taken_connection.hpp

struct response {
  unsigned status = 200;
  header_list headers; // Content-Type and the like; Content-Length, Date, Server and CORS are the session's
  std::string body;
};

// What a bell rings for: there may be something to do. Any thread.
class wakeable {
 public:
  virtual ~wakeable() = default;
  virtual void wake() = 0;
};

// A stream while nothing of it runs: an object in the place of a suspended coroutine, because thousands of
// subscribers wait most of the time. Its session owns it, from responder::rest() to its end.
class resting_stream {
 public:
  virtual ~resting_stream() = default;
  // What can be done without waiting, with responder::write_now(). False: work() must go on. On any thread,
  // one at a time, and never while work() runs.
  virtual bool step() = 0;
  // Goes on until there is nothing to do (true) or the stream is over (false). On the session's strand.
  virtual boost::asio::awaitable<bool> work() = 0;
};

// Answers exactly one request. Calls throw boost::system::system_error when the client is gone: handlers let
// it pass.
class responder : public wakeable {
 public:
  virtual boost::asio::awaitable<void> send(response answer) = 0;
  // A streamed body: chunked (or until close for HTTP/1.0). Each write waits until the socket took the bytes,
  // within the progress timeout: that is the back-pressure. The head leaves with the first write (an empty
  // one will do), or at once when enter_streams() came before.
  virtual boost::asio::awaitable<void> begin(response head) = 0;
  virtual boost::asio::awaitable<void> write(std::string_view bytes) = 0;
  virtual boost::asio::awaitable<void> finish() = 0;
  // Aborts a begun stream so that the client notices (connection closed without the last chunk).
  virtual void abort() = 0;
  virtual bool started() const = 0;
  // The server is shutting down: long answers end with `bye`.
  virtual bool draining() const = 0;
  // The token that let the caller in has been revoked or has expired: streams end with `bye`.
  virtual bool access_ended() const { return false; }
  // Streams call this once: no request deadline any more, and the connection ends with the stream. The
  // problem when there are too many streams, or too many of this caller.
  virtual std::optional<core::problem> enter_streams() = 0;
  // The client has closed its side or, while it is sent a stream, has sent something it must not.
  virtual bool peer_closed() const = 0;
  // For streams that have begun: once the handler has returned, the stream goes on without it, beginning with
  // work(). The request is gone by then.
  virtual void rest(std::unique_ptr<resting_stream> stream) = 0;
  // Has the resting stream do what there is to do, by step(), here and now, or by work(). Comes by itself
  // when peer_closed(), draining() or access_ended() turns true. While the stream lives.
  void wake() override = 0;
  // For step(): false when the socket does not take all of it now; the next write() begins with the rest.
  virtual bool write_now(std::string_view bytes) = 0;
  // For a protocol upgrade, after enter_streams(): the caller speaks on the connection from now on; write()
  // sends bytes as they are, with the same progress timeout. It ends when the handler returns, or the stream
  // that it left behind; a resting one goes on with work() when there is something to read.
  virtual taken_connection take_over() = 0;
};

} // namespace synclog::http
