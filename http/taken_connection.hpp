// What a handler gets of its connection after a protocol upgrade. Used on the session's strand, until the
// handler returns.
#pragma once
#include "http/transport.hpp"
#include <string>

namespace synclog::http {

struct taken_connection {
  transport& socket;       // for reading
  std::string early_bytes; // what had been read already
};

} // namespace synclog::http
