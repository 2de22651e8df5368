// What a server holds: descriptors, memory, sessions of its database. Blocking.
#pragma once
#include "fault/site.hpp"
#include <cstdint>
#include <string>

namespace synclog::tests::fault {

struct vitals {
  std::size_t descriptors = 0;
  std::int64_t resident_kb = 0;
  int sessions = 0;
};

vitals vitals_of(const site& at);

// More than these above what it held before is more than chance and caches.
inline constexpr std::size_t spare_descriptors = 40;
inline constexpr std::int64_t spare_kb = 300 << 10; // the rings, answers and search texts it may fill
inline constexpr int spare_sessions = 6;            // of pools that open theirs when they are needed

// "" = back where it was, but for what is spare; else what is not.
std::string grown_since(const vitals& before, const vitals& now);

} // namespace synclog::tests::fault
