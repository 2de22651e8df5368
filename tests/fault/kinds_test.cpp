// Each kind of fault alone, briefly: what it does to a server under load, and that I1 to I9 hold afterwards.
// A kind that this machine does not allow is skipped, and says so. SYNCLOG_FAULT_BACK_SECONDS=n allows more
// than ten on a busy machine.
#include "fault/schedule.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>

namespace {

using namespace synclog::tests::fault;

void suffer_alone(fault_kind kind, site_kind where) {
  if (const auto reason = why_not(kind, where); !reason.empty()) {
    MESSAGE("skipped: ", std::string(to_string(kind)), ": ", reason);
    return;
  }
  run_options options;
  options.program = SYNCLOG_BINARY;
  options.seed = 100 + static_cast<std::uint64_t>(kind);
  options.where = where;
  options.faults = {kind};
  options.writers = 16;
  if (const char* allowed = std::getenv("SYNCLOG_FAULT_BACK_SECONDS"); allowed != nullptr)
    options.back_within = std::chrono::seconds(std::atoi(allowed));
  const auto report = run_schedule(options);
  MESSAGE(report.summary(), " ", report.streams);
  for (const std::string& sentence : report.problems)
    FAIL_CHECK(sentence);
  CHECK(report.faults.size() == 1);
  CHECK(report.counts.acknowledged > 60);
}

} // namespace

TEST_CASE("fault: the server dies before BEGIN") {
  suffer_alone(fault_kind::before_begin, site_kind::networked);
}
TEST_CASE("fault: the server dies before COMMIT") {
  suffer_alone(fault_kind::before_commit, site_kind::networked);
}
TEST_CASE("fault: the server dies after COMMIT, before the feed knows") {
  suffer_alone(fault_kind::after_commit, site_kind::networked);
}
TEST_CASE("fault: the server dies when the feed knows, before the answer") {
  suffer_alone(fault_kind::before_answer, site_kind::networked);
}
TEST_CASE("fault: the server dies right after the answer") {
  suffer_alone(fault_kind::after_answer, site_kind::networked);
}
TEST_CASE("fault: SIGTERM under load ends the server in order") {
  suffer_alone(fault_kind::termination, site_kind::networked);
}
TEST_CASE("fault: PostgreSQL is stopped for seconds and goes on") {
  suffer_alone(fault_kind::frozen_database, site_kind::networked);
}
TEST_CASE("fault: a PostgreSQL that runs by itself is killed and comes back") {
  suffer_alone(fault_kind::database, site_kind::networked);
}
TEST_CASE("fault: the connections to PostgreSQL are reset") {
  suffer_alone(fault_kind::connection_reset, site_kind::networked);
}
TEST_CASE("fault: what the server says does not reach PostgreSQL for a while") {
  suffer_alone(fault_kind::silence_to_database, site_kind::networked);
}
TEST_CASE("fault: what PostgreSQL says does not reach the server for a while") {
  suffer_alone(fault_kind::silence_from_database, site_kind::networked);
}
TEST_CASE("fault: the disk of PostgreSQL is full") {
  suffer_alone(fault_kind::full_disk, site_kind::supervised);
}
TEST_CASE("fault: the power fails, and what was not forced to the disk is gone") {
  suffer_alone(fault_kind::power_loss, site_kind::supervised);
}
TEST_CASE("fault: fsync fails") {
  suffer_alone(fault_kind::fsync_error, site_kind::supervised);
}
TEST_CASE("fault: fsync takes long") {
  suffer_alone(fault_kind::fsync_delay, site_kind::networked);
}
TEST_CASE("fault: PostgreSQL has no session left") {
  suffer_alone(fault_kind::session_exhaustion, site_kind::networked);
}
TEST_CASE("fault: more whole lists than there are connections for, read by nobody") {
  suffer_alone(fault_kind::slow_lists, site_kind::networked);
}
TEST_CASE("fault: clients that stop in the middle, and streams that nobody reads") {
  suffer_alone(fault_kind::stuck_clients, site_kind::networked);
}
TEST_CASE("fault: the wall clock of the server jumps") {
  suffer_alone(fault_kind::clock_jump, site_kind::networked);
}
TEST_CASE("fault: an old backup is restored under live cursors") {
  suffer_alone(fault_kind::old_backup, site_kind::supervised);
}
