// The layer under Beast's WebSocket stream: it reads from the socket, but hands what Beast writes (the
// handshake, pongs, close frames: one at a time) to the session, which alone writes. So frames that are
// encoded once for all subscribers and Beast's own never cut into each other. Used on the session's strand.
#pragma once
#include "http/taken_connection.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace synclog::http::streams {

class socket_pipe {
 public:
  using executor_type = boost::asio::any_io_executor;
  using error_code = boost::system::error_code;

  // `on_write` is called when Beast has left something to write. `connection` outlives the pipe.
  socket_pipe(taken_connection& connection, std::function<void()> on_write)
      : connection_(connection), on_write_(std::move(on_write)) {}

  executor_type get_executor() { return connection_.socket.get_executor(); }

  // The session's side. What Beast wants written, "" = nothing; then say that it was.
  const std::string& pending() const { return pending_; }
  void written() { complete({}); }
  // Nothing is read or written any more: what waits fails, and what comes.
  void shut() {
    is_shut_ = true;
    error_code ignored;
    connection_.socket.cancel(ignored);
    complete(boost::asio::error::operation_aborted);
  }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    auto initiate = [this](auto handler, const Buffers& into) {
      if (is_shut_) {
        post_result(std::move(handler), boost::asio::error::operation_aborted, 0);
        return;
      }
      auto& early = connection_.early_bytes;
      if (!early.empty()) {
        const auto got = boost::asio::buffer_copy(into, boost::asio::buffer(early));
        early.erase(0, got);
        post_result(std::move(handler), {}, got);
        return;
      }
      connection_.socket.async_read_some(into, std::move(handler));
    };
    return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(std::move(initiate), token,
                                                                             buffers);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    auto initiate = [this](auto handler, const Buffers& from) {
      if (is_shut_) {
        post_result(std::move(handler), boost::asio::error::operation_aborted, 0);
        return;
      }
      pending_.resize(boost::asio::buffer_size(from));
      boost::asio::buffer_copy(boost::asio::buffer(pending_), from);
      waiting_ = std::make_unique<waiter_of<decltype(handler)>>(std::move(handler));
      on_write_();
    };
    return boost::asio::async_initiate<Token, void(error_code, std::size_t)>(std::move(initiate), token,
                                                                             buffers);
  }

 private:
  struct waiter {
    virtual ~waiter() = default;
    virtual void complete(error_code ec, std::size_t bytes) = 0;
  };
  template <class Handler>
  struct waiter_of final : waiter {
    explicit waiter_of(Handler given) : handler(std::move(given)) {}
    void complete(error_code ec, std::size_t bytes) override { post_result(std::move(handler), ec, bytes); }
    Handler handler;
  };

  template <class Handler>
  static void post_result(Handler handler, error_code ec, std::size_t bytes) {
    auto executor = boost::asio::get_associated_executor(handler);
    auto resume = [handler = std::move(handler), ec, bytes]() mutable { handler(ec, bytes); };
    boost::asio::post(executor, std::move(resume));
  }

  void complete(error_code ec) {
    if (!waiting_) return;
    const auto done = std::move(waiting_);
    const auto bytes = pending_.size();
    pending_.clear();
    done->complete(ec, ec ? 0 : bytes);
  }

  taken_connection& connection_;
  std::function<void()> on_write_;
  std::string pending_;
  std::unique_ptr<waiter> waiting_;
  bool is_shut_ = false;
};

// Beast's hooks for a layer of one's own: the session closes the connection, in its own time.
template <class Handler>
void async_teardown(boost::beast::role_type, socket_pipe& pipe, Handler&& handler) {
  auto done = [handler = std::forward<Handler>(handler)]() mutable { handler(boost::system::error_code()); };
  boost::asio::post(pipe.get_executor(), std::move(done));
}
inline void beast_close_socket(socket_pipe& pipe) {
  pipe.shut();
}

} // namespace synclog::http::streams
