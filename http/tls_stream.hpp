// TLS for one connection, the server's side, over a descriptor that does not block: each call does what it
// can at once and says what to wait for. Belongs to its transport; one thread at a time.
#pragma once
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

struct ssl_st;
struct bio_st;

namespace synclog::http {

class tls_stream {
 public:
  using error_code = boost::system::error_code;
  using wait_type = boost::asio::socket_base::wait_type;

  // `accepting` (http/tls_identity.hpp) is owned from here on; the descriptor is not, and outlives this.
  tls_stream(ssl_st* accepting, int descriptor);
  ~tls_stream();
  tls_stream(const tls_stream&) = delete;
  tls_stream& operator=(const tls_stream&) = delete;

  enum class progress : std::uint8_t { done, waits, failed };
  // Goes on with the handshake. `waits`: again when read_waits_for() has come. `failed`: `why` says it, and
  // an alert has gone out when TLS has one for it.
  progress handshake(std::string& why);
  bool is_tls_1_3() const;

  // As of a socket. eof: the client has said that nothing more will come. Nothing while a write is to go on.
  std::size_t read_some(boost::asio::mutable_buffer into, error_code& ec);
  // At most one record, put together of as many parts as fit into it. After would_block the next call must
  // begin with the same bytes and have no fewer: the record with them is made already.
  std::size_t write_some(std::span<const boost::asio::const_buffer> what, error_code& ec);
  enum class sight : std::uint8_t { nothing, bytes, end };
  sight look();

  // What the last read, look or handshake waits for, and the last write: TLS may have to write to read.
  wait_type read_waits_for() const { return holds_bytes_ ? wait_type::wait_write : read_waits_for_; }
  wait_type write_waits_for() const { return write_waits_for_; }

  // Tells the client that nothing more will come, when that can go out at once. Reading goes on.
  void say_end();

  static constexpr std::size_t record_bytes = 16u << 10; // the most that one takes

 private:
  static int send_bytes(bio_st* bio, const char* data, int size);
  static int receive_bytes(bio_st* bio, char* into, int size);
  static long control(bio_st* bio, int command, long number, void* pointer);
  static bio_st* make_bio(tls_stream& owner);
  bool must_write_first();
  error_code failure_of(int returned, wait_type& waits_for);

  ssl_st* ssl_;
  std::size_t unfinished_ = 0; // of the record that waits for room
  int descriptor_;
  wait_type read_waits_for_ = wait_type::wait_read, write_waits_for_ = wait_type::wait_write;
  bool peer_gone_ = false;   // the socket has ended
  bool failed_ = false;      // nothing may be asked of TLS any more
  bool holds_bytes_ = false; // that no socket will announce again: whoever waits is called at once
  bool ended_ = false;       // said so
};

} // namespace synclog::http
