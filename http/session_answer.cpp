// The writing side of a connection: answers, streamed bodies, and what a handler may ask of its responder.
#include "http/auth/grant.hpp"
#include "http/long_wait.hpp"
#include "http/session.hpp"
#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace synclog::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t copied_body_bytes = 16u << 10; // smaller bodies join their head in one buffer
constexpr std::size_t held_back_bytes = 64u
                                        << 10;   // answers of pipelined requests that may wait for each other
constexpr std::size_t stream_buffer_bytes = 256; // what an idle stream keeps of its buffer
// What the kernel may hold for a stream (it doubles the number): left to itself it grows to megabytes for a
// client that does not read, and resuming takes long.
constexpr int stream_send_bytes = 128 << 10;
// For a client whose token has ended to take what was on its way.
constexpr std::chrono::seconds last_words{2};
constexpr std::size_t fair_share_bytes = 512u << 10; // written without waiting before others get their turn

bool has_no_body(unsigned status) {
  return status == 204 || status == 304;
}

std::size_t total_bytes(const std::array<asio::const_buffer, 3>& parts) {
  return parts[0].size() + parts[1].size() + parts[2].size();
}

// What has been written of a large body need not be kept for what is left of it.
void let_go_of_written(std::string& whole, asio::const_buffer& left) {
  if (whole.size() <= held_back_bytes || left.size() > whole.size() / 2) return;
  whole = std::string(static_cast<const char*>(left.data()), left.size());
  left = asio::buffer(whole);
}

} // namespace

void session::append_head(const response& answer, body_framing framing, std::size_t body_bytes) {
  exchange& current = *exchange_;
  current.parser->drop_body(); // it has been dealt with
  lag_.begin(clock::now());
  taken_bytes_ = pushed_bytes_;
  if (context_->draining) current.keep_alive = false;
  if (framing == body_framing::until_close) current.keep_alive = false;
  current.framing = framing;
  current.status = answer.status;
  const answer_frame frame{
      .framing = framing,
      .body_bytes = body_bytes,
      .closes = !current.keep_alive,
      .says_keep_alive = current.keep_alive && !current.parser->is_http_1_1(),
      .varies_by_origin = context_->guard.varies_by_origin(),
      .is_preflight = current.is_preflight,
      .strict_transport = current.strict_transport,
      .request_id = current.parser->request().request_id,
      .cors_origin =
          current.cors_origin != nullptr ? std::string_view(*current.cors_origin) : std::string_view(),
  };
  append_answer_head(output_, answer, frame);
}

// The next pipelined request is already here: its answer will be along in a moment, and both leave in one
// write.
bool session::may_hold_back() const {
  return exchange_->keep_alive && !unread().empty() && output_.size() < held_back_bytes;
}

boost::asio::awaitable<void> session::send(response answer) {
  exchange& current = *exchange_;
  if (current.begun) core::invariant_broken("a request is answered once");
  current.begun = true;
  const bool bodiless = has_no_body(answer.status);
  append_head(answer, bodiless ? body_framing::none : body_framing::sized, answer.body.size());
  std::string_view body = bodiless || current.headless ? std::string_view() : std::string_view(answer.body);
  if (body.size() <= copied_body_bytes) {
    output_ += body;
    body = {};
  }
  current.finished = true;
  if (body.empty() && may_hold_back()) co_return;
  parts rest{asio::buffer(output_), asio::buffer(body), asio::const_buffer()};
  if (push(rest)) {
    output_.clear();
    co_return;
  }
  if (broken_) throw boost::system::system_error(asio::error::connection_reset);
  const std::size_t pushed_output = output_.size() - rest[0].size();
  output_.erase(0, pushed_output);
  co_await flush(body.substr(body.size() - rest[1].size()), {}, &answer.body);
}

boost::asio::awaitable<void> session::begin(response head) {
  exchange& current = *exchange_;
  if (current.begun) core::invariant_broken("a request is answered once");
  current.begun = true;
  const bool bodiless = has_no_body(head.status);
  const body_framing framing = bodiless                        ? body_framing::none
                               : current.parser->is_http_1_1() ? body_framing::chunked
                                                               : body_framing::until_close;
  append_head(head, framing, 0);
  if (bodiless) current.headless = true;
  // A list's head travels with its first rows; a stream may be silent for long, and its client must know that
  // it is open.
  if (!current.is_stream) co_return;
  // Nothing more is read as a request here: thousands of streams need no buffers for it.
  std::string().swap(input_);
  input_begin_ = 0;
  watch_peer();
  co_await flush();
}

boost::asio::awaitable<void> session::write(std::string_view bytes) {
  const exchange& current = *exchange_;
  if (!current.begun || current.finished) core::invariant_broken("write between begin and finish");
  // A long list ends here; a stream says `bye` by itself.
  if (!current.is_stream && access_ended()) {
    abort();
    throw boost::system::system_error(asio::error::connection_aborted);
  }
  if (bytes.empty() || current.headless) {
    co_await flush();
    co_return;
  }
  if (current.framing != body_framing::chunked) {
    co_await flush(bytes);
    co_return;
  }
  fmt::format_to(std::back_inserter(output_), "{:x}\r\n", bytes.size());
  // Streams do not copy: thousands of them would each keep a buffer.
  if (bytes.size() <= copied_body_bytes && !current.is_stream) {
    output_ += bytes;
    output_ += "\r\n";
    co_await flush();
  } else {
    co_await flush(bytes, "\r\n");
  }
}

boost::asio::awaitable<void> session::finish() {
  exchange& current = *exchange_;
  if (!current.begun || current.finished) core::invariant_broken("finish after begin");
  if (current.framing == body_framing::chunked && !current.headless) output_ += "0\r\n\r\n";
  current.finished = true;
  if (!may_hold_back()) co_await flush();
}

// Writes as much as the socket takes now. True when everything is written; false with broken_ on an error.
bool session::push(parts& rest) {
  while (total_bytes(rest) > 0) {
    error_code ec;
    const std::size_t wrote = socket_.write_some(rest, ec);
    if (ec == asio::error::would_block || ec == asio::error::try_again) return false;
    if (ec) {
      broken_ = true;
      return false;
    }
    context_->stats.sent_bytes.fetch_add(wrote, std::memory_order_relaxed);
    pushed_without_waiting_ += wrote;
    pushed_bytes_ += wrote;
    std::size_t left = wrote;
    for (asio::const_buffer& part : rest) {
      const std::size_t step = std::min(left, part.size());
      part += step;
      left -= step;
    }
  }
  return true;
}

// Counts what waits for the client from now on. False when there is no room for it.
bool session::hold_unread(std::size_t bytes) {
  const auto now = clock::now();
  const auto behind = behind_since(now);
  waiting_.begin(waiting::reason::room, behind);
  if (!unread_) {
    auto cut = [owner = weak_from_this(), number = ++unread_number_](unread_answers::parting why) {
      if (auto self = owner.lock()) part_with_answer(std::move(self), number, why);
    };
    auto caller = exchange_ ? exchange_->parser->request().account : std::string();
    unread_ = std::make_unique<unread_answers::answer>(context_->unread, std::move(caller), std::move(cut));
  }
  return unread_->hold(bytes, behind, now);
}

// Others need the room of this answer. Any thread. Whoever calls holds the mutex of all answers, which the
// end of a session takes: the last reference must not be left here.
void session::part_with_answer(std::shared_ptr<session> self, std::uint64_t number,
                               unread_answers::parting why) {
  const auto where = self->socket_.executor();
  auto close = [self = std::move(self), number, why] {
    if (!self->unread_ || self->unread_number_ != number) return; // it has been taken in the meantime
    if (why == unread_answers::parting::is_behind && self->has_caught_up()) return;
    self->make_way();
  };
  asio::post(where, std::move(close));
}

// Of what lies in the kernel its client may have taken much since the wait began.
bool session::has_caught_up() {
  const auto now = clock::now();
  const auto behind = behind_since(now);
  if (behind + unhurried <= now) return false;
  waiting_.begin(waiting::reason::room, behind);
  if (unread_) unread_->stay(behind);
  return true;
}

session::clock::time_point session::behind_since(clock::time_point now) {
  const auto taken = pushed_bytes_ - std::min<std::uint64_t>(pushed_bytes_, socket_.unacknowledged());
  const auto moved = taken - std::min(taken, taken_bytes_);
  taken_bytes_ += moved;
  return lag_.behind_since(static_cast<std::size_t>(moved), now);
}

// Writes output_, then `body`, then `tail`; waits while the client does not read, as long as it goes on at
// all. `whole` is what `body` is the end of, when it may be let go of as it is written.
boost::asio::awaitable<void> session::flush(std::string_view body, std::string_view tail,
                                            std::string* whole) {
  if (broken_) throw boost::system::system_error(asio::error::connection_reset);
  parts rest{asio::buffer(output_), asio::buffer(body), asio::buffer(tail)};
  // Streams hold little of their own, and have slow_reader.
  const bool is_answer = exchange_ ? !exchange_->is_stream : !refused_;
  while (!push(rest)) {
    error_code ec;
    if (!broken_ && is_answer) {
      if (whole != nullptr) let_go_of_written(*whole, rest[1]);
      if (!hold_unread(total_bytes(rest))) abort();
    }
    if (!broken_) {
      progress_.begin(socket_.unacknowledged());
      arm_in(access_ended() ? last_words : context_->limits.progress_timeout);
      context_->stats.waiting_writes.fetch_add(1, std::memory_order_relaxed);
      co_await socket_.async_wait_write(asio::redirect_error(asio::use_awaitable, ec));
      context_->stats.waiting_writes.fetch_sub(1, std::memory_order_relaxed);
      disarm();
      waiting_.end();
      progress_.end();
      pushed_without_waiting_ = 0;
    }
    if (ec || broken_) {
      broken_ = true;
      waiting_.end();
      unread_.reset();
      throw boost::system::system_error(asio::error::connection_reset);
    }
  }
  unread_.reset();
  output_.clear();
  const bool is_stream = exchange_ && exchange_->is_stream;
  if (output_.capacity() > (is_stream ? stream_buffer_bytes : held_back_bytes)) std::string().swap(output_);
  if (pushed_without_waiting_ > fair_share_bytes) {
    pushed_without_waiting_ = 0;
    co_await asio::post(socket_.executor(), asio::use_awaitable);
  }
}

bool session::client_takes_bytes() {
  return progress_.waits() && socket_.is_open() && progress_.look(socket_.unacknowledged());
}

void session::access_changed() {
  auto look = [self = shared_from_this()] {
    if (!self->access_ended()) return;
    if (self->progress_.waits()) self->arm_in(last_words);
    self->wake();
  };
  asio::post(socket_.executor(), std::move(look));
}

void session::note_stalled_cut() {
  context_->stats.stalled_cuts.fetch_add(1, std::memory_order_relaxed);
  const auto count = context_->stalled_cuts.note(clock::now());
  if (!count) return;
  const route* found = exchange_ ? exchange_->target.found : nullptr;
  spdlog::warn("cut {} {} whose client took less than {} bytes in {} s; the last one: {}", *count,
               *count == 1 ? "answer" : "answers", write_progress::least_bytes,
               context_->limits.progress_timeout.count(),
               found != nullptr ? found->pattern : std::string_view("no route"));
}

void session::abort() {
  if (exchange_) {
    exchange_->keep_alive = false;
    exchange_->finished = true;
  }
  context_->stats.aborted_answers.fetch_add(1, std::memory_order_relaxed);
  broken_ = true;
  output_.clear();
  socket_.reset();
}

bool session::started() const {
  return exchange_ && exchange_->begun;
}

bool session::draining() const {
  return context_->draining;
}

bool session::access_ended() const {
  return exchange_ && exchange_->grant && exchange_->grant->ended();
}

std::optional<core::problem> session::enter_streams() {
  exchange& current = *exchange_;
  if (current.is_stream) return std::nullopt;
  request& asked = current.parser->request();
  switch (context_->quotas->streams.take(asked.account, current.counted)) {
  case shares::outcome::taken:
    break;
  case shares::outcome::full:
    return core::make_problem(core::problem_code::overloaded, "this server has all the streams it can carry");
  case shares::outcome::full_for_caller:
    return core::make_problem(core::problem_code::too_many_requests,
                              "this caller has all the streams it may have: close one, or try again");
  }
  context_->stats.streams.fetch_add(1, std::memory_order_relaxed);
  current.is_stream = true;
  current.keep_alive = false;
  socket_.bound_send_buffer(stream_send_bytes);
  asked.until = clock::time_point::max();
  return std::nullopt;
}

// A stream's client has nothing more to say: whatever becomes readable is its end, or something it must not
// send. Being woken alone proves neither: Asio may deliver late what epoll said of the request's own bytes.
void session::watch_peer() {
  auto notice = [self = shared_from_this()](error_code ec) {
    if (self->taken_) return;
    if (!ec && self->nothing_to_read()) return self->watch_peer();
    self->note_peer_closed();
  };
  socket_.async_wait_read(long_wait(std::move(notice)));
}

bool session::nothing_to_read() {
  // Of a stream at rest somebody may be writing at this moment; TLS does only one of both at a time.
  const std::lock_guard guard(rest_mutex_);
  return socket_.look() == transport::sight::nothing;
}

void session::note_peer_closed() {
  {
    const std::lock_guard guard(rest_mutex_);
    peer_closed_ = true;
  }
  wake();
}

bool session::peer_closed() const {
  if (peer_closed_ || broken_) return true;
  if (!exchange_ || exchange_->is_stream) return false;
  // Nothing watches the client of an answer that is no stream: look whether its end has come.
  return socket_.look() == transport::sight::end;
}

taken_connection session::take_over() {
  taken_ = true;
  exchange_->keep_alive = false;
  exchange_->begun = true;
  exchange_->framing = body_framing::until_close; // bytes go out as they are
  exchange_->status = 101;
  std::string early(unread());
  std::string().swap(input_);
  input_begin_ = 0;
  return {socket_, std::move(early)};
}

} // namespace synclog::http
