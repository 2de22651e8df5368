// What lies between a server and its PostgreSQL, or between a client and the server: a relay on a free port
// of 127.0.0.1 that can reset its connections, fall silent in one direction, or change what it passes on. The
// object owns its thread; its functions are called by the test's thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace synclog::tests::fault {

class tcp_proxy {
 public:
  // Where a new connection goes; 0 = nowhere, it is closed at once. Called by the proxy's thread.
  using target = std::function<std::uint16_t()>;
  // May change bytes on their way to the client, not their number. Called by the proxy's thread.
  using rewriter = std::function<void(std::string& bytes)>;

  explicit tcp_proxy(target to, rewriter downstream = {});
  ~tcp_proxy();
  tcp_proxy(const tcp_proxy&) = delete;
  tcp_proxy& operator=(const tcp_proxy&) = delete;

  std::uint16_t port() const;

  // Ends every connection with RST on both sides. Returns how many there were.
  std::size_t reset_all();
  // What is under way in that direction is kept and not passed on, on connections made meanwhile too, until
  // resume(): then all of it arrives, late and in order, as after a lost link.
  enum class direction : std::uint8_t { to_server, to_client };
  void silence(direction towards);
  void resume();
  std::size_t connections() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace synclog::tests::fault
