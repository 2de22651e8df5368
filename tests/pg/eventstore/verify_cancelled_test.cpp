// A statement of the proof that is ended early, as its limit does with a long one, costs no event and no
// difference.
#include "support/cluster.hpp"
#include "tampered_log.hpp"
#include <atomic>
#include <doctest/doctest.h>
#include <exception>
#include <thread>

using namespace synclog;
using namespace synclog::tests;

TEST_CASE("verify: pages that are cut short are gone on with, and still prove every event") {
  constexpr std::int64_t events = 60'000;
  const auto database = tampered(
      "DELETE FROM synclog.events; "
      "INSERT INTO synclog.events (position, version, recorded_at, action, entity, record_id, hash, salt, "
      "meta, data) "
      "SELECT n, 1, '2026-01-01Z', 'created', 'clients', n, sha256(''), substr(sha256(''), 1, 16), '{}', "
      "json_build_object('n', repeat('x', 500)) FROM generate_series(1, 60000) AS n; " +
      rehash(1));
  std::atomic<bool> done = false;
  std::atomic<int> cut = 0, wanted = 0;
  // The same SQLSTATE as the limit's own.
  std::jthread canceller([&] {
    while (!done) {
      if (const int limit = wanted; cut >= limit) {
        wanted.wait(limit);
        continue;
      }
      cut += std::stoi(test_cluster::shared().sql(
          database,
          "SELECT count(*) FILTER (WHERE pg_cancel_backend(pid)) FROM pg_stat_activity WHERE datname = "
          "current_database() AND application_name = 'synclog verify' AND state = 'active' AND query LIKE "
          "'COPY%' AND query_start < clock_timestamp() - interval '2 milliseconds'"));
    }
  });
  int proven = 0, given_up = 0;
  for (int round = 0; round < 40 && (proven == 0 || cut == 0); ++round) {
    wanted = cut + 3;
    wanted.notify_one();
    try {
      const auto report = verified(database, with_jobs(2));
      CHECK_MESSAGE(!report.difference, (report.difference ? report.difference->detail : ""));
      CHECK(report.events == events);
      CHECK(report.head.value == events);
      ++proven;
    } catch (const std::exception&) {
      ++given_up; // cut before its first event, or elsewhere than in a page
    }
  }
  done = true;
  ++wanted;
  wanted.notify_one();
  canceller.join();
  MESSAGE("cut " << cut.load() << " pages; proven " << proven << " times, given up " << given_up << " times");
  CHECK(proven > 0);
  CHECK(cut > 0);
}
