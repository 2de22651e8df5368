// Each kind of fault, briefly: what it does to a server under load, and that I1 to I9 hold afterwards. By
// default one run a site goes through all kinds that are not in fault_test.cpp; SYNCLOG_FAULT_ALONE=1 or
// SYNCLOG_TEST_LONG=1 gives each a run of its own, which tells more when something is wrong. A kind that this
// machine does not allow is skipped, and says so. SYNCLOG_FAULT_BACK_SECONDS=n allows more than ten on a
// busy machine.
#include "fault/schedule.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace {

using namespace synclog::tests::fault;

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && std::string_view(value) != "" && std::string_view(value) != "0";
}

void suffer(std::vector<fault_kind> kinds, site_kind where) {
  run_options options;
  options.program = SYNCLOG_BINARY;
  options.seed = 100 + static_cast<std::uint64_t>(kinds.front());
  options.where = where;
  options.faults = std::move(kinds);
  options.writers = 16;
  if (const char* allowed = std::getenv("SYNCLOG_FAULT_BACK_SECONDS"); allowed != nullptr)
    options.back_within = std::chrono::seconds(std::atoi(allowed));
  const auto report = run_schedule(options);
  MESSAGE(report.summary(), " ", report.streams);
  for (const std::string& sentence : report.skipped)
    MESSAGE("skipped: ", sentence);
  for (const std::string& sentence : report.problems)
    FAIL_CHECK(sentence);
  CHECK(report.faults.size() + report.skipped.size() == options.faults.size());
  CHECK(report.counts.acknowledged > 60);
}

void suffer_alone(fault_kind kind, site_kind where) {
  if (is_set("SYNCLOG_FAULT_ALONE") || is_set("SYNCLOG_TEST_LONG")) suffer({kind}, where);
}

} // namespace

TEST_CASE(
    "fault: one after the other, everything that can happen to a server and the way to its PostgreSQL") {
  suffer({fault_kind::before_begin, fault_kind::before_commit, fault_kind::after_commit,
          fault_kind::before_answer, fault_kind::after_answer, fault_kind::termination,
          fault_kind::frozen_database, fault_kind::database, fault_kind::connection_reset,
          fault_kind::silence_to_database, fault_kind::silence_from_database, fault_kind::fsync_delay,
          fault_kind::session_exhaustion, fault_kind::slow_lists, fault_kind::stuck_clients,
          fault_kind::clock_jump},
         site_kind::networked);
}
TEST_CASE("fault: one after the other, everything that can happen to the disk of a private PostgreSQL") {
  suffer({fault_kind::full_disk, fault_kind::power_loss, fault_kind::fsync_error, fault_kind::old_backup},
         site_kind::supervised);
}

TEST_CASE("fault alone: the server dies before BEGIN") {
  suffer_alone(fault_kind::before_begin, site_kind::networked);
}
TEST_CASE("fault alone: the server dies before COMMIT") {
  suffer_alone(fault_kind::before_commit, site_kind::networked);
}
TEST_CASE("fault alone: the server dies after COMMIT, before the feed knows") {
  suffer_alone(fault_kind::after_commit, site_kind::networked);
}
TEST_CASE("fault alone: the server dies when the feed knows, before the answer") {
  suffer_alone(fault_kind::before_answer, site_kind::networked);
}
TEST_CASE("fault alone: the server dies right after the answer") {
  suffer_alone(fault_kind::after_answer, site_kind::networked);
}
TEST_CASE("fault alone: SIGTERM under load ends the server in order") {
  suffer_alone(fault_kind::termination, site_kind::networked);
}
TEST_CASE("fault alone: PostgreSQL is stopped for seconds and goes on") {
  suffer_alone(fault_kind::frozen_database, site_kind::networked);
}
TEST_CASE("fault alone: a PostgreSQL that runs by itself is killed and comes back") {
  suffer_alone(fault_kind::database, site_kind::networked);
}
TEST_CASE("fault alone: the connections to PostgreSQL are reset") {
  suffer_alone(fault_kind::connection_reset, site_kind::networked);
}
TEST_CASE("fault alone: what the server says does not reach PostgreSQL for a while") {
  suffer_alone(fault_kind::silence_to_database, site_kind::networked);
}
TEST_CASE("fault alone: what PostgreSQL says does not reach the server for a while") {
  suffer_alone(fault_kind::silence_from_database, site_kind::networked);
}
TEST_CASE("fault alone: the disk of PostgreSQL is full") {
  suffer_alone(fault_kind::full_disk, site_kind::supervised);
}
TEST_CASE("fault alone: the power fails, and what was not forced to the disk is gone") {
  suffer_alone(fault_kind::power_loss, site_kind::supervised);
}
TEST_CASE("fault alone: fsync fails") {
  suffer_alone(fault_kind::fsync_error, site_kind::supervised);
  suffer_alone(fault_kind::fsync_error, site_kind::networked);
}
TEST_CASE("fault alone: fsync takes long") {
  suffer_alone(fault_kind::fsync_delay, site_kind::networked);
}
TEST_CASE("fault alone: PostgreSQL has no session left") {
  suffer_alone(fault_kind::session_exhaustion, site_kind::networked);
}
TEST_CASE("fault alone: more whole lists than there are connections for, read by nobody") {
  suffer_alone(fault_kind::slow_lists, site_kind::networked);
}
TEST_CASE("fault alone: clients that stop in the middle, and streams that nobody reads") {
  suffer_alone(fault_kind::stuck_clients, site_kind::networked);
}
TEST_CASE("fault alone: the wall clock of the server jumps") {
  suffer_alone(fault_kind::clock_jump, site_kind::networked);
}
TEST_CASE("fault alone: an old backup is restored under live cursors") {
  suffer_alone(fault_kind::old_backup, site_kind::supervised);
}
