// Events a minute, by bisection, against counting them.
#include "eventstore/event_rate.hpp"
#include "log_fixture.hpp"
#include <algorithm>
#include <map>
#include <random>

using namespace synclog;
using namespace synclog::tests;

namespace {

constexpr std::int64_t minute = 60'000'000;

// Events at these times, ascending, written past the committer: what is read is positions and times alone.
void write_events(const test_cluster& cluster, const std::string& database,
                  const std::vector<std::int64_t>& times) {
  std::string sql = "INSERT INTO synclog.events (position, version, recorded_at, action, entity, record_id, "
                    "hash, salt, meta, data) VALUES ";
  const auto first =
      std::stoll(cluster.sql(database, "SELECT coalesce(max(position), 0) FROM synclog.events"));
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto position = std::to_string(first + 1 + static_cast<std::int64_t>(i));
    sql += (i > 0 ? "," : "") +
           ("(" + position + ",1,to_timestamp(" + std::to_string(times[i] / 1'000'000) + ") + interval '" +
            std::to_string(times[i] % 1'000'000) + " microseconds','created','clients','C" + position +
            "',sha256(''),'\\x00000000000000000000000000000000','{}','{}')");
  }
  cluster.sql(database, sql);
}

} // namespace

TEST_CASE("event rate: each minute of the last day has as many events as were recorded in it") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  eventstore::pg::pool reads(threads.executor(), connect_to(cluster, database), {});
  const auto until = eventstore::pg::clock::now() + std::chrono::seconds(20);
  eventstore::event_rate rate;
  const core::timestamp now{(core::now().micros / minute) * minute + minute / 2};
  CHECK(threads.run(rate.minutes(reads, now, 1, until)).empty());

  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::vector<std::int64_t> times{now.micros - 26 * 60 * minute, now.micros};
  // On the very edges of minutes too.
  for (int i = 0; i < 300; ++i) {
    const auto some = now.micros - static_cast<std::int64_t>(random() % (25 * 60)) * minute;
    times.push_back(i % 3 == 0 ? (some / minute) * minute
                               : some - static_cast<std::int64_t>(random() % minute));
  }
  std::sort(times.begin(), times.end());
  times.erase(std::remove_if(times.begin(), times.end(), [&](auto t) { return t > now.micros; }),
              times.end());
  write_events(cluster, database, times);
  std::map<std::int64_t, std::int64_t> expected;
  const auto oldest = (now.micros / minute + 1 - 24 * 60) * minute;
  for (const auto time : times)
    if (time >= oldest) ++expected[time / minute * minute];

  // Twice: from the log, and from what is remembered.
  for (int round = 0; round < 2; ++round) {
    std::map<std::int64_t, std::int64_t> told;
    for (const auto& each : threads.run(rate.minutes(reads, now, 2, until)))
      told[each.minute.micros] = each.events;
    CHECK(told == expected);
  }
  threads.run(reads.stop());
}
