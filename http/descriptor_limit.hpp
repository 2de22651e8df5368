// The process's bound on open descriptors, which is usually lower than the connections that a server may
// hold.
#pragma once
#include <cstddef>

namespace synclog::http {

// Raises the soft limit so that `connections` and the rest of the process fit, as far as the hard limit
// allows. Returns the limit that holds afterwards. Process-wide; called once at start.
std::size_t raise_descriptor_limit(std::size_t connections);

} // namespace synclog::http
