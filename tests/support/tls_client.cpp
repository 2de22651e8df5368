// See tls_client.hpp. TLS between two buffers in memory, so that no write of OpenSSL's can raise SIGPIPE.
#include "tests/support/tls_client.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>

namespace synclog::tests {

struct tls_client::state {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = nullptr;
  BIO* coming = nullptr;  // from the socket, for OpenSSL
  BIO* leaving = nullptr; // the other way
  std::string unsent;
  bool has_ended = false; // the socket
  bool was_reset = false; // the same

  ~state() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
};

namespace {

std::string reason() {
  const char* text = ERR_reason_error_string(ERR_peek_error());
  return text != nullptr ? text : "the connection ended";
}

void trust(SSL_CTX* context, const std::string& pem) {
  BIO* source = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* read = PEM_read_bio_X509(source, nullptr, nullptr, nullptr);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context), read);
  X509_free(read);
  BIO_free(source);
}

} // namespace

tls_client::tls_client(int descriptor, const tls_client_options& with, std::chrono::milliseconds patience)
    : state_(std::make_unique<state>()), descriptor_(descriptor) {
  SSL_CTX_set_min_proto_version(state_->context, with.oldest);
  SSL_CTX_set_max_proto_version(state_->context, with.newest);
  // A client that still speaks what the server must refuse.
  if (with.newest != 0 && with.newest < TLS1_2_VERSION)
    SSL_CTX_set_cipher_list(state_->context, "ALL:@SECLEVEL=0");
  if (!with.authority.empty()) trust(state_->context, with.authority);
  state_->ssl = SSL_new(state_->context);
  state_->coming = BIO_new(BIO_s_mem());
  state_->leaving = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(state_->coming, -1);
  SSL_set_bio(state_->ssl, state_->coming, state_->leaving);
  SSL_set_tlsext_host_name(state_->ssl, "localhost");
  if (!with.authority.empty()) {
    SSL_set_verify(state_->ssl, SSL_VERIFY_PEER, nullptr);
    SSL_set1_host(state_->ssl, "localhost");
  }
  if (!with.protocols.empty())
    SSL_set_alpn_protos(state_->ssl, reinterpret_cast<const unsigned char*>(with.protocols.data()),
                        static_cast<unsigned>(with.protocols.size()));
  SSL_set_connect_state(state_->ssl);
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    ERR_clear_error();
    const int returned = SSL_do_handshake(state_->ssl);
    const auto why = reason();
    const bool is_sent = flush();
    if (returned == 1 && is_sent) return;
    if (returned != 1 && SSL_get_error(state_->ssl, returned) != SSL_ERROR_WANT_READ)
      throw std::runtime_error("tls_client: " + why);
    pollfd watched{descriptor_, static_cast<short>(is_sent ? POLLIN : POLLIN | POLLOUT), 0};
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0 || poll(&watched, 1, static_cast<int>(left.count())) == 0)
      throw std::runtime_error("tls_client: no handshake in time");
    fill();
    if (state_->has_ended && BIO_ctrl_pending(state_->coming) == 0)
      throw std::runtime_error("tls_client: the connection ended in the handshake");
  }
}

tls_client::~tls_client() = default;

bool tls_client::flush() {
  std::array<char, 16'384> chunk{};
  for (int got = 0; (got = BIO_read(state_->leaving, chunk.data(), static_cast<int>(chunk.size()))) > 0;)
    state_->unsent.append(chunk.data(), static_cast<std::size_t>(got));
  while (!state_->unsent.empty()) {
    const auto sent =
        ::send(descriptor_, state_->unsent.data(), state_->unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EINTR) return false;
    if (sent > 0) state_->unsent.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

bool tls_client::fill() {
  std::array<char, 16'384> chunk{};
  const auto got = ::recv(descriptor_, chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) state_->has_ended = true;
  if (got < 0 && errno == ECONNRESET) state_->was_reset = true;
  if (got > 0) BIO_write(state_->coming, chunk.data(), static_cast<int>(got));
  return got > 0;
}

ssize_t tls_client::send(const char* bytes, std::size_t count) {
  constexpr std::size_t record_bytes = 16'384;
  if (!flush()) return -1; // errno is of send()
  ERR_clear_error();
  const int returned = SSL_write(state_->ssl, bytes, static_cast<int>(std::min(count, record_bytes)));
  pollfd room{descriptor_, POLLOUT, 0};
  if (!flush() && poll(&room, 1, 1'000) > 0) flush();
  if (returned <= 0) errno = EPIPE;
  return returned > 0 ? returned : -1;
}

ssize_t tls_client::receive(char* into, std::size_t count) {
  for (;;) {
    ERR_clear_error();
    const int returned = SSL_read(state_->ssl, into, static_cast<int>(count));
    flush(); // it may have had to answer
    if (returned > 0) return returned;
    const int why = SSL_get_error(state_->ssl, returned);
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    if (why != SSL_ERROR_WANT_READ) {
      errno = ECONNRESET;
      return -1;
    }
    if (fill()) continue;
    if (state_->has_ended) {
      errno = ECONNRESET;
      return state_->was_reset ? -1 : 0;
    }
    errno = EAGAIN;
    return -1;
  }
}

bool tls_client::has_unsent() const {
  return !state_->unsent.empty();
}

bool tls_client::has_bytes() {
  flush();
  char one = 0;
  do {
    ERR_clear_error();
    const int returned = SSL_peek(state_->ssl, &one, 1);
    if (returned > 0 || SSL_get_error(state_->ssl, returned) != SSL_ERROR_WANT_READ) return true;
  } while (fill());
  return state_->has_ended;
}

bool tls_client::ended_in_order() const {
  return (SSL_get_shutdown(state_->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

void tls_client::say_end() {
  SSL_shutdown(state_->ssl);
  flush();
}

void tls_client::update_keys() {
  if (SSL_key_update(state_->ssl, SSL_KEY_UPDATE_REQUESTED) != 1 || SSL_do_handshake(state_->ssl) != 1)
    throw std::runtime_error("tls_client: " + reason());
  flush();
}

std::string tls_client::version() const {
  return SSL_get_version(state_->ssl);
}

std::string tls_client::protocol() const {
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(state_->ssl, &chosen, &size);
  return {reinterpret_cast<const char*>(chosen), size};
}

std::string tls_client::subject() const {
  X509* shown = SSL_get1_peer_certificate(state_->ssl);
  std::array<char, 256> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name.data(), name.size());
  X509_free(shown);
  return name.data();
}

} // namespace synclog::tests
