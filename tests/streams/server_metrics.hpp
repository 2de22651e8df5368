// One number of /metrics. Blocking.
#pragma once
#include "tests/support/server_fixture.hpp"
#include <stdexcept>
#include <string>

namespace synclog::tests {

// The value of a metric without labels; throws std::runtime_error when the server has none of that name.
inline double metric(const server_fixture& server, const std::string& name) {
  const auto text = "\n" + server.get("/metrics").body;
  const auto found = text.find("\n" + name + " ");
  if (found == std::string::npos) throw std::runtime_error("no metric " + name);
  return std::stod(text.substr(found + name.size() + 2));
}

} // namespace synclog::tests
