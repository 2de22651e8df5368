// The settings of runs: SYNCLOG_TEST_LONG=1 for the large ones, SYNCLOG_STREAMS_SEED=n for one that is known.
#pragma once
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace synclog::tests::streams {

inline bool is_long() {
  const char* value = std::getenv("SYNCLOG_TEST_LONG");
  return value != nullptr && std::string_view(value) != "" && std::string_view(value) != "0";
}

// The one that is asked for; else a fixed one, or in long runs another each time: they look for what the last
// one did not see.
inline std::uint64_t choose_seed() {
  if (const char* value = std::getenv("SYNCLOG_STREAMS_SEED"); value != nullptr && *value != '\0')
    return std::strtoull(value, nullptr, 10);
  if (!is_long()) return 1;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count()) %
         1'000'000;
}

} // namespace synclog::tests::streams
