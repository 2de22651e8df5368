// The beginning of a connection with TLS: its handshake, within the time that a client has for its first
// request, and as easily parted with. Until it sends something a client costs no more than without TLS.
#include "http/answer_head.hpp"
#include "http/problem_response.hpp"
#include "http/session.hpp"
#include <atomic>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace synclog::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr unsigned char handshake_record = 0x16; // with which TLS begins, and no method of HTTP

// Over the bound, so much of it is made free at once: not everybody who comes then looks for more.
constexpr std::size_t spare_share = 8;

class handshake_count {
 public:
  explicit handshake_count(std::atomic<std::size_t>& all) : all_(all), at_(all.fetch_add(1) + 1) {}
  ~handshake_count() { all_.fetch_sub(1); }
  handshake_count(const handshake_count&) = delete;
  handshake_count& operator=(const handshake_count&) = delete;
  std::size_t beyond(std::size_t bound) const { return at_ > bound ? at_ - bound : 0; }

 private:
  std::atomic<std::size_t>& all_;
  const std::size_t at_; // with this one
};

} // namespace

// False: the connection is over.
asio::awaitable<bool> session::secure() {
  waiting_.begin(waiting::reason::first_request, clock::now());
  arm_in(context_->limits.header_timeout);
  const auto first = co_await await_first_byte();
  if (!first) co_return false;
  bool is_done = false;
  if (*first == handshake_record)
    is_done = co_await shake_hands();
  else
    co_await name_https();
  disarm();
  waiting_.end();
  co_return is_done;
}

// Left where it is. No value: none has come.
asio::awaitable<std::optional<unsigned char>> session::await_first_byte() {
  for (;;) {
    unsigned char first = 0;
    const auto seen = socket_.look(first);
    if (seen == transport::sight::bytes) co_return first;
    if (seen == transport::sight::end || context_->draining) co_return std::nullopt;
    error_code ec;
    co_await socket_.async_wait_read(asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return std::nullopt;
  }
}

asio::awaitable<bool> session::shake_hands() {
  const handshake_count counted(context_->handshakes);
  // Half a handshake is held in more memory than a request, for somebody whom nobody knows.
  waiting_.begin(waiting::reason::handshake, clock::now());
  if (const auto over = counted.beyond(context_->limits.max_handshakes); over > 0)
    context_->part_with_slow(waiting::reason::handshake,
                             over + context_->limits.max_handshakes / spare_share);
  socket_.secure(context_->tls->accepting());
  for (;;) {
    std::string why;
    const auto came_to = socket_.handshake(why);
    if (came_to == tls_stream::progress::done) {
      context_->tls->note_handshake(socket_.tls().is_tls_1_3());
      co_return true;
    }
    error_code ec;
    if (came_to == tls_stream::progress::waits) {
      co_await socket_.async_wait_read(asio::redirect_error(asio::use_awaitable, ec));
      if (!ec && !broken_) continue;
      why = "it took too long, or its place was needed";
    }
    context_->tls->note_failure(from_.address, why);
    broken_ = true; // no answer of ours would be understood
    co_return false;
  }
}

// In plain text, because that is what the client understands.
asio::awaitable<void> session::name_https() {
  context_->tls->note_failure(from_.address, "it spoke no TLS");
  const response answer = to_response(core::make_problem(
      core::problem_code::bad_request, "this port speaks https: use a URL that begins with https://"));
  append_answer_head(output_, answer, {.body_bytes = answer.body.size(), .closes = true});
  output_ += answer.body;
  dirty_ = true;
  co_await flush();
}

} // namespace synclog::http
