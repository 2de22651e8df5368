// What every subcommand exits with.
#pragma once

namespace synclog::tools {

enum exit_code : int {
  exit_ok = 0,
  exit_failure = 1,
  exit_usage = 2,
  exit_database_unreachable = 3,
  exit_difference_found = 4,
};

} // namespace synclog::tools
