// See tls_stream.hpp.
#include "http/tls_stream.hpp"
#include "core/problem.hpp"
#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstring>
#include <new>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string_view>
#include <sys/socket.h>

namespace synclog::http {

namespace asio = boost::asio;

namespace {

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

// What one record takes of the parts. In place when the first part fills it or is the only one.
std::string_view put_together(std::span<const asio::const_buffer> what) {
  thread_local std::array<char, tls_stream::record_bytes> together;
  std::size_t filled = 0;
  for (const asio::const_buffer& part : what) {
    if (part.size() == 0) continue;
    const auto* bytes = static_cast<const char*>(part.data());
    const bool is_last = &part == &what.back();
    if (filled == 0 && (part.size() >= together.size() || is_last))
      return {bytes, std::min(part.size(), together.size())};
    const std::size_t step = std::min(part.size(), together.size() - filled);
    std::memcpy(together.data() + filled, bytes, step);
    filled += step;
  }
  return {together.data(), filled};
}

} // namespace

// OpenSSL's own BIO for sockets writes without MSG_NOSIGNAL: a client that has gone would send SIGPIPE.
int tls_stream::send_bytes(BIO* bio, const char* data, int size) {
  const auto& self = *static_cast<tls_stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  ssize_t sent = 0;
  do {
    sent = ::send(self.descriptor_, data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && would_block(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int tls_stream::receive_bytes(BIO* bio, char* into, int size) {
  auto& self = *static_cast<tls_stream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  ssize_t got = 0;
  do {
    got = ::recv(self.descriptor_, into, static_cast<std::size_t>(size), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && would_block(errno)) BIO_set_retry_read(bio);
  if (got == 0) self.peer_gone_ = true;
  return static_cast<int>(got);
}

long tls_stream::control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1; // nothing is held
  if (command == BIO_CTRL_EOF) return static_cast<tls_stream*>(BIO_get_data(bio))->peer_gone_ ? 1 : 0;
  return 0;
}

BIO* tls_stream::make_bio(tls_stream& owner) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "synclog connection");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_write(made, &send_bytes);
    BIO_meth_set_read(made, &receive_bytes);
    BIO_meth_set_ctrl(made, &control);
    return made;
  }();
  BIO* made = BIO_new(method);
  if (made == nullptr) throw std::bad_alloc();
  BIO_set_data(made, &owner);
  BIO_set_init(made, 1);
  return made;
}

tls_stream::tls_stream(SSL* accepting, int descriptor) : ssl_(accepting), descriptor_(descriptor) {
  if (ssl_ == nullptr) throw std::bad_alloc();
  BIO* bio = nullptr;
  try {
    bio = make_bio(*this);
  } catch (...) {
    SSL_free(ssl_);
    throw;
  }
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
}

tls_stream::~tls_stream() {
  SSL_free(ssl_);
}

tls_stream::error_code tls_stream::failure_of(int returned, wait_type& waits_for) {
  switch (SSL_get_error(ssl_, returned)) {
  case SSL_ERROR_WANT_READ:
    waits_for = wait_type::wait_read;
    return asio::error::would_block;
  case SSL_ERROR_WANT_WRITE:
    waits_for = wait_type::wait_write;
    return asio::error::would_block;
  case SSL_ERROR_ZERO_RETURN:
    return asio::error::eof;
  default:
    failed_ = true;
    return asio::error::connection_reset;
  }
}

tls_stream::progress tls_stream::handshake(std::string& why) {
  // OpenSSL looks into the thread's queue of errors, where others may have left some.
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_);
  if (returned == 1) return progress::done;
  const auto ec = failure_of(returned, read_waits_for_);
  if (ec == asio::error::would_block) return progress::waits;
  const char* reason = peer_gone_ ? nullptr : ERR_reason_error_string(ERR_peek_error());
  why = reason != nullptr ? reason : "the client went away";
  return progress::failed;
}

bool tls_stream::is_tls_1_3() const {
  return SSL_version(ssl_) == TLS1_3_VERSION;
}

// OpenSSL 3.0 fails with "bad length" when a client asks for new keys twice while a longer record of ours is
// half written. Whoever began to write goes on with it, so a read can wait as well.
bool tls_stream::must_write_first() {
  if (unfinished_ == 0) return false;
  read_waits_for_ = wait_type::wait_write;
  return true;
}

std::size_t tls_stream::read_some(asio::mutable_buffer into, error_code& ec) {
  ec = failed_ ? error_code(asio::error::connection_reset) : error_code();
  if (failed_) return 0;
  if (must_write_first()) {
    ec = asio::error::would_block;
    return 0;
  }
  ERR_clear_error();
  std::size_t got = 0;
  const int returned = SSL_read_ex(ssl_, into.data(), into.size(), &got);
  if (returned != 1) ec = failure_of(returned, read_waits_for_);
  holds_bytes_ = returned == 1 && SSL_pending(ssl_) > 0;
  return returned == 1 ? got : 0;
}

tls_stream::sight tls_stream::look() {
  if (failed_) return sight::end;
  if (must_write_first()) return sight::nothing;
  ERR_clear_error();
  char one = 0;
  std::size_t got = 0;
  const int returned = SSL_peek_ex(ssl_, &one, 1, &got);
  holds_bytes_ = returned == 1;
  if (returned == 1) return sight::bytes;
  return failure_of(returned, read_waits_for_) == asio::error::would_block ? sight::nothing : sight::end;
}

std::size_t tls_stream::write_some(std::span<const asio::const_buffer> what, error_code& ec) {
  ec = failed_ ? error_code(asio::error::connection_reset) : error_code();
  if (failed_) return 0;
  const auto offered = put_together(what);
  if (offered.size() < unfinished_) core::invariant_broken("a write goes on with what it began with");
  if (offered.empty()) return 0;
  ERR_clear_error();
  std::size_t wrote = 0;
  const int returned = SSL_write_ex(ssl_, offered.data(), offered.size(), &wrote);
  if (returned == 1) {
    unfinished_ = 0;
    return wrote;
  }
  ec = failure_of(returned, write_waits_for_);
  if (ec == asio::error::would_block) unfinished_ = std::max(unfinished_, offered.size());
  return 0;
}

void tls_stream::say_end() {
  if (ended_ || failed_ || unfinished_ > 0 || SSL_is_init_finished(ssl_) == 0) return;
  ended_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

} // namespace synclog::http
