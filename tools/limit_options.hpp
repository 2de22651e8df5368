// The flags of `serve` that move limits: made from the server's own list, as the table of docs/limits.md is.
#pragma once
#include "http/limits.hpp"

namespace CLI {
class App;
}

namespace synclog::tools {

// A flag and an environment variable for each limit. `into` outlives the parsing.
void add_limit_options(CLI::App& serve, http::limits& into);

} // namespace synclog::tools
