// The reading side of a connection: heads, bodies, deadlines, and the end.
#include "http/session.hpp"
#include "http/ascii.hpp"
#include "http/problem_response.hpp"
#include "http/request_id.hpp"
#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

namespace synclog::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using code = core::problem_code;

constexpr std::size_t first_read_bytes = 1'024;  // what an idle connection holds
constexpr std::size_t scratch_bytes = 64u << 10; // what one read takes at most
constexpr std::size_t progress_bytes =
    4u << 10; // a body that brings less than this in progress_timeout is too slow
constexpr std::chrono::seconds linger_silence{2};
constexpr std::chrono::seconds linger_total{5};

// Appends to `into` what is there without waiting.
void read_available(transport& socket, std::string& into, error_code& ec) {
  thread_local std::array<char, scratch_bytes> scratch;
  const std::size_t got = socket.read_some(asio::buffer(scratch), ec);
  into.append(scratch.data(), got);
}

} // namespace

session::session(tcp::socket socket, std::shared_ptr<session_context> context, connection_origin from)
    : socket_(std::move(socket)), context_(std::move(context)), from_(std::move(from)),
      deadline_(clock::time_point::max().time_since_epoch().count()) {
  context_->stats.connections.fetch_add(1, std::memory_order_relaxed);
}

boost::asio::awaitable<session::ending> session::run() {
  try {
    bool is_ready = true;
    if (context_->tls) is_ready = co_await secure();
    while (is_ready && co_await read_head()) {
      co_await serve();
      if (stream_) {
        exchange_->parser.reset();
        if (co_await go_on()) co_return ending::at_rest;
        break;
      }
      const bool goes_on = exchange_->keep_alive && !broken_;
      close_exchange();
      if (!goes_on) break;
    }
  } catch (const boost::system::system_error&) {
    // The client is gone; its request is over.
  } catch (const std::exception& unexpected) {
    spdlog::error("session ended by: {}", unexpected.what());
    dirty_ = true;
  }
  co_await close();
  co_return ending::over;
}

boost::asio::awaitable<session::ending> session::refuse(core::problem why) {
  const response answer = to_response(why);
  append_answer_head(output_, answer, {.body_bytes = answer.body.size(), .closes = true});
  output_ += answer.body;
  dirty_ = refused_ = true;
  try {
    co_await flush();
  } catch (const boost::system::system_error&) {
    // Then it was not told.
  }
  co_await close();
  co_return ending::over;
}

boost::asio::awaitable<void> session::close() {
  stream_.reset();
  close_exchange();
  co_await hang_up();
  context_->stats.connections.fetch_sub(1, std::memory_order_relaxed);
}

void session::consume(std::size_t bytes) {
  input_begin_ += bytes;
  if (input_begin_ == input_.size()) {
    input_.clear();
    input_begin_ = 0;
  }
}

// Waits for bytes within the armed deadline and appends them to input_.
boost::asio::awaitable<session::intake> session::receive() {
  if (input_begin_ > 0) {
    input_.erase(0, input_begin_);
    input_begin_ = 0;
  }
  if (input_.empty() && input_.capacity() > 4 * first_read_bytes) std::string().swap(input_);
  if (socket_.is_secure()) co_return co_await receive_secure();
  const std::size_t held = input_.size();
  input_.resize(held + first_read_bytes);
  error_code ec;
  const std::size_t got = co_await socket_.async_read_some(
      asio::buffer(input_.data() + held, first_read_bytes), asio::redirect_error(asio::use_awaitable, ec));
  input_.resize(held + got);
  // Who was parted with in the meantime is not asked what it wants.
  if (ec || got == 0 || broken_) co_return intake::closed;
  pushed_without_waiting_ = 0;
  // A full buffer means that more is waiting: take it along. Errors show at the next read that waits.
  if (got == first_read_bytes) read_available(socket_, input_, ec);
  co_return intake::got;
}

// The same with TLS: a record at a time, and no buffer while there is none.
boost::asio::awaitable<session::intake> session::receive_secure() {
  const std::size_t held = input_.size();
  bool has_waited = false;
  for (;;) {
    error_code ec;
    read_available(socket_, input_, ec);
    if (input_.size() > held) break;
    if (ec != asio::error::would_block) co_return intake::closed;
    co_await socket_.async_wait_read(asio::redirect_error(asio::use_awaitable, ec));
    if (ec || broken_) co_return intake::closed;
    has_waited = true;
  }
  pushed_without_waiting_ = 0;
  // A client that sends as fast as this reads: others get their turn.
  if (!has_waited) co_await asio::post(socket_.executor(), asio::use_awaitable);
  co_return intake::got;
}

// Waits for the next request and opens its exchange. False when the connection is over (a refusal is then
// already sent).
boost::asio::awaitable<bool> session::read_head() {
  head_scanner scanner(context_->limits.max_target_bytes, context_->limits.max_header_bytes);
  std::optional<core::problem> refusal;
  std::optional<clock::time_point> head_until;
  // Whoever has not asked anything yet has not much time for its first byte either.
  const auto idle_until =
      clock::now() + (asked_ ? context_->limits.idle_timeout : context_->limits.header_timeout);
  const auto waits_for = asked_ ? waiting::reason::next_request : waiting::reason::first_request;
  const auto waits_since = clock::now();
  for (;;) {
    consume(scanner.leading_blank_bytes(unread()));
    const auto verdict = scanner.scan(unread());
    if (verdict == head_scanner::verdict::complete) {
      const std::size_t head_bytes = scanner.head_bytes();
      idle_ = false;
      if (open_exchange(unread().substr(0, head_bytes), refusal)) {
        consume(head_bytes);
        co_return true;
      }
      break;
    }
    if (verdict == head_scanner::verdict::refused) {
      exchange_ = std::make_unique<exchange>(*context_, context_->bodies);
      exchange_->began = clock::now();
      refusal = scanner.refusal();
      break;
    }
    if (!output_.empty()) co_await flush(); // not idle yet: these are answers
    idle_ = unread().empty();
    if (idle_) head_until.reset();
    if (idle_ && context_->draining) co_return false;
    if (!idle_ && !head_until) head_until = clock::now() + context_->limits.header_timeout;
    arm(head_until ? *head_until : idle_until);
    waiting_.begin(waits_for, waits_since);
    const intake what = co_await receive();
    waiting_.end();
    disarm();
    if (what == intake::closed) co_return false;
  }
  // What follows cannot be told from another request: the connection ends here, before anything else is
  // looked at.
  dirty_ = true;
  exchange_->keep_alive = false;
  co_await refuse_request(std::move(*refusal));
  co_return false;
}

// False with a refusal when the head cannot be trusted.
bool session::open_exchange(std::string_view head, std::optional<core::problem>& refusal) {
  exchange_ = std::make_unique<exchange>(*context_, context_->bodies);
  exchange_->began = clock::now();
  refusal = exchange_->parser->read_head(head);
  request& asked = exchange_->parser->request();
  exchange_->verb = asked.method;
  if (refusal) return false;
  exchange_->keep_alive = exchange_->parser->wants_keep_alive() && !context_->draining;
  exchange_->headless = asked.method == method::head && exchange_->parser->unknown_method().empty();
  asked.request_id = choose_request_id(asked.header("x-request-id"));
  return true;
}

// Reads the body to its end. A client that goes away in the middle ends the session by system_error.
boost::asio::awaitable<std::optional<core::problem>> session::read_body(waiting::reason seen_as) {
  request_parser& parser = *exchange_->parser;
  bool continue_wanted =
      parser.is_http_1_1() && equals_ignoring_case(parser.request().header("expect"), "100-continue");
  std::size_t since_progress = progress_bytes;
  lag_.begin(exchange_->began);
  auto behind = exchange_->began;
  for (;;) {
    if (!unread().empty()) {
      const auto used = parser.read_body(unread());
      if (!used) {
        if (used.error().code == code::overloaded)
          context_->part_with_slow(waiting::reason::body, session_context::most_slow);
        co_return used.error();
      }
      consume(*used);
      if (parser.done()) break;
    }
    if (continue_wanted && parser.request().body.empty()) output_ += "HTTP/1.1 100 Continue\r\n\r\n";
    continue_wanted = false;
    if (!output_.empty()) co_await flush();
    if (since_progress >= progress_bytes) {
      arm_in(context_->limits.progress_timeout);
      since_progress = 0;
    }
    const std::size_t before = unread().size();
    waiting_.begin(seen_as, behind);
    const intake what = co_await receive();
    waiting_.end();
    if (what == intake::closed) {
      broken_ = true;
      throw boost::system::system_error(asio::error::connection_reset);
    }
    const std::size_t came = unread().size() - before;
    since_progress += came;
    behind = lag_.behind_since(came, clock::now());
  }
  co_return std::nullopt;
}

void session::close_exchange() {
  if (!exchange_) return;
  asked_ = true;
  if (exchange_->is_stream) {
    context_->stats.streams.fetch_sub(1, std::memory_order_relaxed);
  }
  if (exchange_->status != 0) {
    context_->stats.answered(
        {.route = exchange_->target.found != nullptr ? exchange_->target.index : metrics::no_route,
         .verb = exchange_->verb,
         .status = exchange_->status,
         .took = clock::now() - exchange_->began,
         .body_bytes = exchange_->body_bytes});
  }
  exchange_.reset();
}

// Closes so that the client can read our last answer: with bytes of its own still unread, a plain close would
// reset the connection and take the answer along. So: end our side, then read and throw away for a bounded
// time.
boost::asio::awaitable<void> session::hang_up() {
  if (!socket_.is_open()) co_return;
  error_code ec;
  if (!output_.empty() && !broken_) {
    try {
      co_await flush();
    } catch (const boost::system::system_error&) {
      broken_ = true;
    }
  }
  // Of a connection that was taken over nobody knows what is still unread: a refused frame, for one.
  if ((dirty_ || taken_ || !unread().empty()) && !broken_) {
    std::string().swap(input_);
    input_begin_ = 0;
    socket_.end_sending(ec);
    const auto latest = clock::now() + linger_total;
    if (!refused_) waiting_.begin(waiting::reason::first_request, {}); // nothing more is owed to it
    while (!ec && clock::now() < latest) {
      arm(std::min(latest, clock::now() + linger_silence));
      if (co_await receive() == intake::closed) break;
      input_.clear();
    }
  }
  socket_.close();
}

void session::arm(clock::time_point when) {
  armed_ = when.time_since_epoch().count();
  deadline_.store(armed_, std::memory_order_relaxed);
}

bool session::check_deadline(clock::time_point now) {
  clock::rep seen = deadline_.load(std::memory_order_relaxed);
  if (seen > now.time_since_epoch().count()) return false;
  const clock::rep never = clock::time_point::max().time_since_epoch().count();
  if (!deadline_.compare_exchange_strong(seen, never, std::memory_order_relaxed)) return false;
  auto expire = [self = shared_from_this(), seen] {
    if (self->armed_ != seen) return; // it moved on in the meantime
    if (!self->access_ended() && self->client_takes_bytes())
      return self->arm_in(self->context_->limits.progress_timeout);
    if (self->progress_.waits()) self->note_stalled_cut();
    self->context_->stats.timeouts.fetch_add(1, std::memory_order_relaxed);
    self->broken_ = true;
    if (self->output_.empty() && !self->exchange_)
      self->socket_.close();
    else
      self->socket_.reset();
  };
  asio::post(socket_.executor(), std::move(expire));
  return true;
}

void session::drain() {
  auto close = [self = shared_from_this()] {
    if (self->idle_ && !self->exchange_) self->socket_.close();
    self->wake();
  };
  asio::post(socket_.executor(), std::move(close));
}

void session::cut() {
  auto close = [self = shared_from_this()] {
    {
      const std::lock_guard guard(self->rest_mutex_);
      self->broken_ = true;
      self->socket_.reset();
    }
    self->note_peer_closed();
  };
  asio::post(socket_.executor(), std::move(close));
}

void session::part_with(waiting::state seen) {
  leaving_.store(true, std::memory_order_relaxed);
  auto close = [self = shared_from_this(), seen] {
    self->leaving_.store(false, std::memory_order_relaxed);
    if (self->waiting_.look() != seen) return; // it moved on in the meantime
    if (seen.why == waiting::reason::room && self->has_caught_up()) return;
    self->make_way();
  };
  asio::post(socket_.executor(), std::move(close));
}

// Ends for somebody else's sake.
void session::make_way() {
  waiting_.end();
  context_->stats.parted_with.fetch_add(1, std::memory_order_relaxed);
  broken_ = true;
  if (output_.empty() && !exchange_)
    socket_.close();
  else
    socket_.reset();
}

} // namespace synclog::http
