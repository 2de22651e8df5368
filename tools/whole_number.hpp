// Numbers of options, checked as they were written: CLI11 reads what is too large as the largest there is,
// and its own PositiveNumber tells of a range with three hundred digits.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>

namespace synclog::tools {

// Decimal digits, within both ends. Adds nothing to the help.
CLI::Validator whole_number(std::int64_t least, std::int64_t most = std::numeric_limits<std::int64_t>::max());

} // namespace synclog::tools
