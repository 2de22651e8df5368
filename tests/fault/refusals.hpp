// I9: no write is answered 2xx while a commit is impossible, and every one is answered within the deadline.
// Pure; beside checker.hpp, which looks at the log, this one looks at clocks.
#pragma once
#include "fault/history.hpp"
#include <cstdint>
#include <string>
#include <vector>

namespace synclog::tests::fault {

// While nothing could be committed, on the clock of the history.
struct dead_time {
  std::int64_t from_us = 0;
  std::int64_t to_us = 0;
  std::string why; // the fault
};

// The server's deadline for a request is 30 s; it looks every now and then.
inline constexpr std::int64_t longest_wait_us = 33'000'000;

// Sentences that begin with "I9: "; none = it holds. At most max_findings (checker.hpp).
std::vector<std::string> check_refusals(const std::vector<operation>& operations,
                                        const std::vector<dead_time>& dead);

} // namespace synclog::tests::fault
