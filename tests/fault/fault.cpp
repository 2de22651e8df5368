// See fault.hpp.
#include "fault/fault.hpp"
#include "fault/syscall_faults.hpp"
#include <array>

namespace synclog::tests::fault {

namespace {

constexpr std::array<std::string_view, fault_kinds> names{
    "server",
    "database",
    "backend",
    "both",
    "server while recovering",
    "server before BEGIN",
    "server before COMMIT",
    "server after COMMIT",
    "server before the answer",
    "server after the answer",
    "termination",
    "frozen database",
    "connection reset",
    "silence to the database",
    "silence from the database",
    "full disk",
    "power loss",
    "fsync error",
    "fsync delay",
    "session exhaustion",
    "slow lists",
    "stuck clients",
    "clock jump",
    "old backup",
};

} // namespace

std::string_view to_string(fault_kind kind) {
  return names[static_cast<std::size_t>(kind)];
}

std::string why_not(fault_kind kind, site_kind where) {
  const bool supervised = where == site_kind::supervised;
  switch (kind) {
  case fault_kind::both:
  case fault_kind::server_recovers:
  case fault_kind::old_backup:
    return supervised ? "" : "it is for a PostgreSQL that the server supervises";
  case fault_kind::full_disk:
  case fault_kind::power_loss:
    return supervised ? small_disk::why_not() : "it is for a PostgreSQL that the server supervises";
  case fault_kind::connection_reset:
  case fault_kind::silence_to_database:
  case fault_kind::silence_from_database:
  case fault_kind::clock_jump:
    return supervised ? "nothing lies between the server and its private PostgreSQL" : "";
  case fault_kind::fsync_error:
  case fault_kind::fsync_delay:
    return syscall_faults::why_not();
  default:
    return "";
  }
}

std::unique_ptr<injected_fault> make_fault(fault_kind kind, fault_scale scale, std::mt19937_64& random) {
  switch (kind) {
  case fault_kind::full_disk:
  case fault_kind::power_loss:
  case fault_kind::fsync_error:
  case fault_kind::fsync_delay:
  case fault_kind::session_exhaustion:
  case fault_kind::connection_reset:
  case fault_kind::silence_to_database:
  case fault_kind::silence_from_database:
    return make_database_fault(kind, scale);
  case fault_kind::slow_lists:
  case fault_kind::stuck_clients:
  case fault_kind::clock_jump:
    return make_client_fault(kind, random);
  default:
    return make_process_fault(kind, scale, random);
  }
}

} // namespace synclog::tests::fault
