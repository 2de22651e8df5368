// See transport.hpp.
#include "http/transport.hpp"
#include <algorithm>
#include <cerrno>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace synclog::http {

namespace asio = boost::asio;

void transport::secure(ssl_st* accepting) {
  tls_ = std::make_unique<tls_stream>(accepting, socket_.native_handle());
}

tls_stream::progress transport::handshake(std::string& why) {
  if (tls_) return tls_->handshake(why);
  why = "the connection was closed";
  return tls_stream::progress::failed;
}

std::size_t transport::read_some(asio::mutable_buffer into, error_code& ec) {
  if (tls_) return tls_->read_some(into, ec);
  return socket_.read_some(asio::buffer(into), ec);
}

std::size_t transport::write_some(const parts& what, error_code& ec) {
  if (tls_) return tls_->write_some(what, ec);
  std::array<iovec, std::tuple_size_v<parts>> pieces{};
  msghdr message{};
  message.msg_iov = pieces.data();
  for (const asio::const_buffer& part : what) {
    if (part.size() > 0) pieces[message.msg_iovlen++] = {const_cast<void*>(part.data()), part.size()};
  }
  ssize_t wrote = 0;
  do {
    wrote = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (wrote < 0 && errno == EINTR);
  ec = wrote < 0 ? error_code(errno, boost::system::system_category()) : error_code();
  return wrote < 0 ? 0 : static_cast<std::size_t>(wrote);
}

transport::sight transport::look() {
  if (tls_) return tls_->look();
  unsigned char next = 0;
  return look(next);
}

transport::sight transport::look(unsigned char& next) {
  error_code ec;
  const auto got = socket_.receive(asio::buffer(&next, 1), tcp::socket::message_peek, ec);
  if (got > 0) return sight::bytes;
  return ec == asio::error::would_block || ec == asio::error::try_again ? sight::nothing : sight::end;
}

void transport::bound_send_buffer(int bytes) {
  error_code ignored;
  socket_.set_option(asio::socket_base::send_buffer_size(bytes), ignored);
}

std::size_t transport::unacknowledged() {
  int bytes = 0;
  if (!is_open() || ::ioctl(socket_.native_handle(), SIOCOUTQ, &bytes) != 0) return 0;
  return static_cast<std::size_t>(std::max(bytes, 0));
}

void transport::end_sending(error_code& ec) {
  if (tls_) tls_->say_end();
  socket_.shutdown(tcp::socket::shutdown_send, ec);
}

void transport::close() {
  error_code ignored;
  if (tls_) tls_->say_end();
  tls_.reset(); // its descriptor may be another connection's in a moment
  if (socket_.is_open()) socket_.close(ignored);
}

void transport::reset() {
  error_code ignored;
  tls_.reset();
  if (!socket_.is_open()) return;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

} // namespace synclog::http
