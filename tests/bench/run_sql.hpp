// One statement on a connection of its own, for what a measurement sets and looks up. Blocking.
#pragma once
#include <string>

namespace synclog::tests::bench {

// Runs statements on one connection; the first value of the last result. Throws std::runtime_error.
std::string run_sql(const std::string& conninfo, const std::string& statements);

} // namespace synclog::tests::bench
