// What libFuzzer calls. One executable a target: SYNCLOG_FUZZ_TARGET is its function.
#include "fuzz/targets.hpp"
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  try {
    synclog::fuzz::SYNCLOG_FUZZ_TARGET({reinterpret_cast<const char*>(bytes), count});
  } catch (const synclog::fuzz::broken_property& broken) {
    std::fprintf(stderr, "does not hold: %s\n", broken.what());
    std::abort();
  }
  return 0;
}
