// SIGINT and SIGTERM as a flag, for a subcommand that works in a blocking loop and puts its things in order
// before it ends.
#pragma once
#include <atomic>

namespace synclog::tools {

// From the first call on, a signal sets the flag; a second one ends the process at once. SIGPIPE and SIGXFSZ
// become errors of write().
const std::atomic<bool>& stop_signal();

} // namespace synclog::tools
