// Connections that subscribe to everything and never read, by SSE and by WebSocket in turn. Blocking.
#pragma once
#include "tests/support/http_client.hpp"
#include <cstdint>
#include <string>
#include <vector>

namespace synclog::tests::streams {

class stuck_readers {
 public:
  // `from`: a position or cursor, "" = from now.
  void add(std::uint16_t port, std::size_t count, const std::string& from);
  std::size_t size() const { return clients_.size(); }

 private:
  std::vector<http_client> clients_;
};

} // namespace synclog::tests::streams
