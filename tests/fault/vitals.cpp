// See vitals.hpp.
#include "fault/vitals.hpp"
#include "support/process.hpp"
#include <filesystem>
#include <fmt/format.h>

namespace synclog::tests::fault {

namespace {

std::size_t descriptors_of(pid_t pid) {
  std::error_code failed;
  std::size_t count = 0;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry(fmt::format("/proc/{}/fd", pid), failed);
       !failed && entry != end; entry.increment(failed))
    ++count;
  return count;
}

} // namespace

vitals vitals_of(const site& at) {
  return {descriptors_of(at.server_pid()), resident_kb(at.server_pid()), at.server_sessions()};
}

std::string grown_since(const vitals& before, const vitals& now) {
  if (now.sessions < 0) return "PostgreSQL does not say how many sessions there are";
  if (now.sessions > before.sessions + spare_sessions)
    return fmt::format("{} sessions of the database instead of {}", now.sessions, before.sessions);
  if (now.descriptors > before.descriptors + spare_descriptors)
    return fmt::format("{} descriptors instead of {}", now.descriptors, before.descriptors);
  if (now.resident_kb > before.resident_kb + spare_kb)
    return fmt::format("{} kB of memory instead of {}", now.resident_kb, before.resident_kb);
  return {};
}

} // namespace synclog::tests::fault
