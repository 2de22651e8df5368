// The bytes of one connection, as its session reads and writes them: a TCP socket, and TLS on it once
// secure() was called. Nothing here waits but the async functions. Belongs to whoever has the session: its
// strand or, while its stream is at rest, the holder of its mutex.
#pragma once
#include "http/tls_stream.hpp"
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace synclog::http {

class transport {
 public:
  using tcp = boost::asio::ip::tcp;
  using error_code = boost::system::error_code;
  using parts = std::array<boost::asio::const_buffer, 3>;

  // `socket` does not block.
  explicit transport(tcp::socket socket) : socket_(std::move(socket)) {}
  ~transport() { close(); }
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;

  boost::asio::any_io_executor executor() { return socket_.get_executor(); }
  bool is_open() const { return socket_.is_open(); }

  // TLS from here on; `accepting` is owned (http/tls_identity.hpp). Then handshake() until it is done, with
  // async_wait_read() when it waits.
  void secure(ssl_st* accepting);
  bool is_secure() const { return tls_ != nullptr; }
  const tls_stream& tls() const { return *tls_; } // when it is secure
  tls_stream::progress handshake(std::string& why);

  // Some of what has come. would_block: nothing; any other error: nothing more will come.
  std::size_t read_some(boost::asio::mutable_buffer into, error_code& ec);
  // As much of the parts, in their order, as goes now: how many bytes. would_block: none of it; then the next
  // call begins with the same bytes and has no fewer.
  std::size_t write_some(const parts& what, error_code& ec);
  // What a read would find.
  using sight = tls_stream::sight;
  sight look();
  // The same before TLS, with the byte that comes next.
  sight look(unsigned char& next);

  // The next read or look, or the next write, that would have blocked may find more: handler(error_code).
  template <class Token>
  auto async_wait_read(Token&& token) {
    return socket_.async_wait(tls_ ? tls_->read_waits_for() : tcp::socket::wait_read,
                              std::forward<Token>(token));
  }
  template <class Token>
  auto async_wait_write(Token&& token) {
    return socket_.async_wait(tls_ ? tls_->write_waits_for() : tcp::socket::wait_write,
                              std::forward<Token>(token));
  }
  // Waits for bytes and takes them. Not with TLS.
  template <class Token>
  auto async_read_some(boost::asio::mutable_buffer into, Token&& token) {
    return socket_.async_read_some(into, std::forward<Token>(token));
  }

  // What the kernel may hold of ours; left as it is when it does not want that.
  void bound_send_buffer(int bytes);
  // What the other side has not acknowledged yet.
  std::size_t unacknowledged();

  // Nothing more will be written; what comes can still be read.
  void end_sending(error_code& ec);
  void close();
  // Closes with a reset: what waits in the kernel is thrown away, and the other side cannot mistake it for an
  // orderly end.
  void reset();

 private:
  tcp::socket socket_;
  std::unique_ptr<tls_stream> tls_; // null: plain, or closed
};

} // namespace synclog::http
