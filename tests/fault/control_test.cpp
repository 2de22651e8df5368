// The harness is not blind: with a guarantee taken away behind the server's back, runs like all others must
// fail, by the right invariant. The server under test is the one that ships: what is taken away is taken away
// in PostgreSQL, on the wire, or from the run itself.
#include "fault/schedule.hpp"
#include "fault/syscall_faults.hpp"
#include "support/wait.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace synclog::tests::fault;
using namespace std::chrono_literals;

run_options options_of(site_kind where, std::vector<fault_kind> faults) {
  run_options options;
  options.program = SYNCLOG_BINARY;
  options.seed = 7;
  options.where = where;
  options.faults = std::move(faults);
  options.writers = 32;
  options.patience = 20s;
  return options;
}

void show(const run_report& report) {
  MESSAGE(report.summary());
  for (const std::string& sentence : report.problems)
    MESSAGE(sentence.substr(0, 300));
}

} // namespace

// Not by the setting itself: a server that finds it off takes no writes.
TEST_CASE(
    "control: without synchronous commit a killed PostgreSQL loses what was acknowledged, and it shows") {
  // Three times: a write-ahead log that happened to be written at the moment of one kill loses nothing by it.
  auto options =
      options_of(site_kind::networked, {fault_kind::database, fault_kind::database, fault_kind::database});
  options.sabotage_start = [](site& at) {
    at.sql("ALTER SYSTEM SET wal_writer_delay = '10s'");
    at.sql("SELECT pg_reload_conf()");
    at.sql("CREATE FUNCTION hurry() RETURNS trigger LANGUAGE plpgsql AS "
           "'BEGIN PERFORM set_config(''synchronous_commit'', ''off'', true); RETURN NULL; END'");
    at.sql("CREATE TRIGGER hurry AFTER INSERT ON synclog.events FOR EACH STATEMENT EXECUTE FUNCTION hurry()");
  };
  const auto report = run_schedule(options);
  show(report);
  CHECK(report.violates("I1"));
  CHECK(report.counts.lost > 0);
}

// Nor here: the disk says that it has written, and has not.
TEST_CASE("control: without fsync a power loss loses what was acknowledged, and it shows") {
  const std::string reason =
      why_not(fault_kind::power_loss, site_kind::supervised) + syscall_faults::why_not();
  if (!reason.empty()) {
    MESSAGE("skipped: ", reason);
    return;
  }
  auto options = options_of(site_kind::supervised, {fault_kind::power_loss});
  std::optional<syscall_faults> lying;
  options.sabotage_start = [&lying](site& at) {
    lying.emplace(at.postmaster_pid(), "fsync,fdatasync:retval=0");
    const auto head = [&at] { return std::stoll(at.sql("SELECT max(position) FROM synclog.events")); };
    const auto before = head();
    REQUIRE(synclog::tests::wait_until([&] { return head() > before + 100; }, 30s));
  };
  const auto report = run_schedule(options);
  show(report);
  CHECK(report.violates("I1"));
  CHECK(report.counts.lost > 0);
}

TEST_CASE("control: when the keys of requests are forgotten, retries land twice, and it shows") {
  auto options = options_of(site_kind::networked, {fault_kind::server});
  options.sabotage_start = [](site& at) {
    at.sql("CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'");
    at.sql(
        "CREATE TRIGGER forget BEFORE INSERT ON synclog.idempotency FOR EACH ROW EXECUTE FUNCTION forget()");
  };
  const auto report = run_schedule(options);
  show(report);
  CHECK(report.violates("I2"));
  CHECK(report.counts.doubled > 0);
}

TEST_CASE("control: an event that is taken out of the log shows as a loss, a gap and a broken chain") {
  auto options = options_of(site_kind::networked, {fault_kind::backend});
  options.sabotage_end = [](site& at) {
    at.sql("ALTER TABLE synclog.events DISABLE TRIGGER ALL");
    at.sql("DELETE FROM synclog.events WHERE position = (SELECT max(position) / 2 FROM synclog.events)");
  };
  options.followers = 0; // the copy that they are compared with refuses a gap
  const auto report = run_schedule(options);
  show(report);
  CHECK(report.violates("I1"));
  CHECK(report.violates("I4"));
  CHECK(report.violates("I5"));
}

TEST_CASE("control: an event swallowed on its way to a subscriber, a missing row and a late return show") {
  auto options = options_of(site_kind::networked, {fault_kind::backend});
  options.back_within = 0s;
  options.sabotage_end = [](site& at) {
    at.sql("DELETE FROM public.visits WHERE id = (SELECT min(id) FROM public.visits)");
  };
  auto swallowed = std::make_shared<bool>(false);
  // A whole frame in the middle becomes a comment of the same length.
  options.spoil_streams = [swallowed](std::string& bytes) {
    constexpr std::string_view between = "\n\nid: "; // an event has no event: line
    const auto found = *swallowed ? std::string::npos : bytes.find(between);
    if (found == std::string::npos) return;
    const auto begin = found + 2;
    const auto end = bytes.find("\n\n", begin);
    if (end == std::string::npos) return;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
              bytes.begin() + static_cast<std::ptrdiff_t>(end), ':');
    *swallowed = true;
  };
  const auto report = run_schedule(options);
  show(report);
  CHECK(*swallowed);
  CHECK(report.violates("I7"));
  CHECK(report.violates("I6"));
  CHECK(report.violates("I8"));
}

TEST_CASE("control: an event that says something else than the streams and the chain say shows") {
  auto options = options_of(site_kind::networked, {fault_kind::backend});
  options.sabotage_end = [](site& at) {
    at.sql("ALTER TABLE synclog.events DISABLE TRIGGER ALL");
    at.sql(
        "UPDATE synclog.events SET record_id = record_id || 'x' WHERE position = (SELECT max(position) / 2 "
        "FROM synclog.events)");
  };
  const auto report = run_schedule(options);
  show(report);
  CHECK(report.violates("I7"));
  CHECK(report.violates("I5"));
}
