// TLS for clients of tests, over a connected socket: what send() and recv() are without it. Blocking only in
// its constructor; one thread at a time.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <sys/types.h>

namespace synclog::tests {

struct tls_client_options {
  std::string authority{};    // PEM of who must have signed for "localhost"; "" = anybody
  std::string protocols{};    // of ALPN, as they stand in the message: "\x08http/1.1"; "" = none
  int oldest = 0, newest = 0; // TLS1_2_VERSION and the like; 0 = OpenSSL's choice
};

class tls_client {
 public:
  // Shakes hands; throws std::runtime_error with OpenSSL's reason, or when nothing comes for `patience`.
  tls_client(int descriptor, const tls_client_options& with, std::chrono::milliseconds patience);
  ~tls_client();
  tls_client(const tls_client&) = delete;
  tls_client& operator=(const tls_client&) = delete;

  // As of a socket that does not block: -1 with errno EAGAIN when nothing goes; 0 at the end, of the socket
  // too.
  ssize_t send(const char* bytes, std::size_t count);
  ssize_t receive(char* into, std::size_t count);
  bool has_bytes();        // receive() would have some
  bool has_unsent() const; // of what send() took: goes out with the next call of any kind
  // True when the other side has said that nothing more comes, which a cut connection never says.
  bool ended_in_order() const;

  void say_end();
  // New keys for what is sent, the other side's too (TLS 1.3).
  void update_keys();
  std::string version() const;  // "TLSv1.3"
  std::string protocol() const; // that was agreed on; "" = none
  std::string subject() const;  // CN of the other side's certificate

 private:
  struct state;
  bool flush(); // false: some bytes wait for room
  bool fill();  // false: nothing has come

  std::unique_ptr<state> state_;
  int descriptor_;
};

} // namespace synclog::tests
