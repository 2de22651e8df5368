// One connection: reads requests within limits, has them handled one after the other, writes the answers.
// Everything runs on the session's strand except the calls marked "any thread". The server owns the coroutine
// and keeps the session alive.
#pragma once
#include "http/answer_head.hpp"
#include "http/message.hpp"
#include "http/request_parser.hpp"
#include "http/session_context.hpp"
#include "http/taken_connection.hpp"
#include "http/transport.hpp"
#include "http/waiting.hpp"
#include "http/write_progress.hpp"
#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::http {

// Where a connection comes from.
struct connection_origin {
  boost::asio::ip::address address;
  shares::share counted; // among those of its address
};

class session final : public responder, public std::enable_shared_from_this<session> {
 public:
  // `socket` is bound to a strand (or to a context with one thread).
  session(boost::asio::ip::tcp::socket socket, std::shared_ptr<session_context> context,
          connection_origin from);

  // How a coroutine of the session ends: with the connection, or with a stream at rest, whose session lives
  // on until resume() has ended the other way.
  enum class ending : std::uint8_t { over, at_rest };

  // Do not throw.
  boost::asio::awaitable<ending> run();
  // For a connection over a bound: answers that and closes.
  boost::asio::awaitable<ending> refuse(core::problem why);
  // Goes on with the stream at rest; what session_context::resume runs.
  boost::asio::awaitable<ending> resume();
  boost::asio::any_io_executor executor() { return socket_.executor(); }

  // Closes the connection when its deadline has passed, which makes it true. Any thread; called by the server
  // every now and then.
  bool check_deadline(std::chrono::steady_clock::time_point now);
  // The server drains: closes it when no request is under way, tells a stream. Any thread.
  void drain();
  // Closes it whatever it is doing. Any thread.
  void cut();
  // What it waits for its client to do; nothing when it has been told to go. Any thread.
  waiting::state waits() const {
    return leaving_.load(std::memory_order_relaxed) ? waiting::state{} : waiting_.look();
  }
  // Somebody else needs its place: closes it when it still waits as it was seen to. Any thread.
  void part_with(waiting::state seen);
  // Some callers have lost access: when its own has, a stream is told, and what does not move is cut. Any
  // thread.
  void access_changed();

  // responder, for the handler of the request under way
  boost::asio::awaitable<void> send(response answer) override;
  boost::asio::awaitable<void> begin(response head) override;
  boost::asio::awaitable<void> write(std::string_view bytes) override;
  boost::asio::awaitable<void> finish() override;
  void abort() override;
  bool started() const override;
  bool draining() const override;
  bool access_ended() const override;
  std::optional<core::problem> enter_streams() override;
  bool peer_closed() const override;
  void rest(std::unique_ptr<resting_stream> stream) override;
  void wake() override;
  bool write_now(std::string_view bytes) override;
  taken_connection take_over() override;

 private:
  using clock = std::chrono::steady_clock;

  // The request under way and how far its answer is.
  struct exchange {
    explicit exchange(const session_context& context, body_budget& bodies)
        : parser(std::make_unique<request_parser>(context.limits.max_body_bytes, bodies,
                                                  context.limits.max_header_fields)) {}
    std::unique_ptr<request_parser> parser; // null once a stream has left its handler
    router::match target;
    std::shared_ptr<const auth::grant> grant; // what let the caller in
    shares::share counted;                    // among the streams of its caller
    const std::string* cors_origin = nullptr;
    clock::time_point began;
    std::size_t body_bytes = 0;
    method verb = method::get;
    unsigned status = 0; // of the answer, once begun
    body_framing framing = body_framing::sized;
    bool keep_alive = false;
    bool headless = false; // HEAD: the body is not sent
    bool is_preflight = false;
    bool is_stream = false;
    bool strict_transport = false; // the answer says so
    bool begun = false, finished = false;
  };

  enum class intake : std::uint8_t { got, closed };

  // TLS, before the first request (session_tls.cpp)
  boost::asio::awaitable<bool> secure();
  boost::asio::awaitable<std::optional<unsigned char>> await_first_byte();
  boost::asio::awaitable<bool> shake_hands();
  boost::asio::awaitable<void> name_https();
  boost::asio::awaitable<intake> receive_secure();

  // reading (session.cpp)
  boost::asio::awaitable<bool> read_head();
  boost::asio::awaitable<intake> receive();
  boost::asio::awaitable<std::optional<core::problem>> read_body(waiting::reason seen_as);
  boost::asio::awaitable<void> serve();
  boost::asio::awaitable<std::optional<core::problem>> authenticate();
  boost::asio::awaitable<void> call_handler();
  std::optional<response> refuse_hurry();
  response answer_of(const core::problem& why) const;
  boost::asio::awaitable<void> refuse_request(core::problem why);
  boost::asio::awaitable<void> refuse_with(response answer);
  boost::asio::awaitable<void> hang_up();
  bool open_exchange(std::string_view head, std::optional<core::problem>& refusal);
  std::optional<core::problem> examine();
  std::optional<core::problem> locate();
  std::optional<core::problem> examine_body_headers() const;
  void close_exchange();
  std::string_view unread() const { return std::string_view(input_).substr(input_begin_); }
  void consume(std::size_t bytes);

  // answering (session_answer.cpp)
  void append_head(const response& answer, body_framing framing, std::size_t body_bytes);
  bool may_hold_back() const;
  boost::asio::awaitable<void> flush(std::string_view body = {}, std::string_view tail = {},
                                     std::string* whole = nullptr);
  using parts = transport::parts;
  bool push(parts& rest);
  bool hold_unread(std::size_t bytes);
  static void part_with_answer(std::shared_ptr<session> self, std::uint64_t number,
                               unread_answers::parting why);
  bool has_caught_up();
  clock::time_point behind_since(clock::time_point now);
  void watch_peer();
  void note_peer_closed();
  bool nothing_to_read();
  bool client_takes_bytes();
  void note_stalled_cut();

  // a stream without its handler (session_rest.cpp)
  boost::asio::awaitable<bool> go_on();
  boost::asio::awaitable<void> close();
  void watch_input();

  // deadlines
  void arm(clock::time_point when);
  void arm_in(clock::duration span) { arm(clock::now() + span); }
  void disarm() { arm(clock::time_point::max()); }
  void make_way();

  mutable transport socket_; // looking at it is not const
  std::shared_ptr<session_context> context_;
  std::string input_; // what was received and not yet used, from input_begin_
  std::size_t input_begin_ = 0;
  std::string output_; // heads and small bodies that wait to be written
  std::unique_ptr<exchange> exchange_;
  std::size_t pushed_without_waiting_ = 0;
  std::uint64_t pushed_bytes_ = 0;
  write_progress progress_;                        // of the write that waits for room
  lag lag_;                                        // of the body, then of the answer
  std::uint64_t taken_bytes_ = 0;                  // of those pushed, when lag_ was last asked
  std::unique_ptr<unread_answers::answer> unread_; // while an answer waits for room
  std::uint64_t unread_number_ = 0;                // of these
  const connection_origin from_;
  waiting waiting_;
  std::atomic<bool> leaving_{false};
  std::atomic<clock::rep> deadline_;
  clock::rep armed_ = 0;
  // While the stream is at rest the mutex guards it and all that its step() touches: the socket, output_,
  // pushed_without_waiting_, broken_, peer_closed_. Otherwise they belong to the strand.
  std::mutex rest_mutex_;
  std::unique_ptr<resting_stream> stream_;
  bool at_rest_ = false;
  bool woken_ = false;     // while it was not at rest
  bool has_input_ = false; // of a connection taken over
  bool watching_ = false;
  bool idle_ = true;     // between requests, nothing received
  bool asked_ = false;   // a request was answered
  bool refused_ = false; // only told why it is not served
  bool dirty_ = false;   // bytes of the client may be unread when we close
  bool broken_ = false;  // no more writing
  bool peer_closed_ = false;
  bool taken_ = false;
};

} // namespace synclog::http
