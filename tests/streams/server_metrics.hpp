// One number of /metrics. Blocking.
#pragma once
#include "tests/support/http_client.hpp"
#include <cstdint>
#include <stdexcept>
#include <string>

namespace synclog::tests {

// The value of a metric without labels; throws std::runtime_error when the server has none of that name.
inline double metric(std::uint16_t port, const std::string& name) {
  const auto text = "\n" + http_client(port).request("GET", "/metrics").body;
  const auto found = text.find("\n" + name + " ");
  if (found == std::string::npos) throw std::runtime_error("no metric " + name);
  return std::stod(text.substr(found + name.size() + 2));
}

} // namespace synclog::tests
