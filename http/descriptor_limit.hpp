// The process's bound on open descriptors, which is usually lower than the connections that a server may
// hold.
#pragma once
#include <cstddef>

namespace synclog::http {

// Raises the soft limit so that the `wanted` connections and the rest of the process fit, as far as the hard
// limit allows. Returns how many connections fit, at most `wanted`. Process-wide; called once at start.
std::size_t connections_within_descriptors(std::size_t wanted);

} // namespace synclog::http
