// Which program listens on a port of this machine: for the sentence that says why binding failed. Linux,
// blocking.
#pragma once
#include <cstdint>
#include <string>

namespace synclog::http {

// "postgres (pid 4711)"; "" when it cannot be told (another user's process).
std::string describe_port_owner(std::uint16_t port);

} // namespace synclog::http
