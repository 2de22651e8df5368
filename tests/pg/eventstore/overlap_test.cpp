// Two batches under way: the next one's look-ups wait behind the commit of the one before. Whatever becomes
// of that commit, the next batch is decided on what is in the log, and on nothing else.
#include "moody_log.hpp"

#include <atomic>
#include <random>
#include <set>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;

namespace {

// Each event's record and version, by record: "A1 A2 B1".
std::string records_of(test_cluster& cluster, const std::string& database) {
  return cluster.sql(
      database,
      "SELECT string_agg(record_id || version, ' ' ORDER BY record_id, version) FROM synclog.events");
}

} // namespace

TEST_CASE("overlap: a batch that set out during a commit sees what that commit saved") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  make_moody(cluster, database);
  io_threads threads;
  {
    log_server server(threads, cluster, database);
    answers asked(threads, server);
    const auto made = write_behind(
        asked, server, save_client("A", "slow one"),
        {save_client("A", "changed"), save_client("B", "other"), save_client("A", "changed again")});
    REQUIRE(wait_until([&] { return asked.complete(); }));
    CHECK(asked.of(made.first)->items.at(0).version == 1);
    // In whichever order they came.
    CHECK(asked.of(made.others[0])->items.at(0).version + asked.of(made.others[2])->items.at(0).version ==
          2 + 3);
    CHECK(server.feed.head().position.value == 4);
  }
  CHECK(records_of(cluster, database) == "A1 A2 A3 B1");
  check_everything(cluster, database);
}

TEST_CASE(
    "overlap: a batch that set out behind a refused one is saved, and its neighbour's failure is not its "
    "own") {
  for (const char* refused : {"slow poison", "slow late"}) {
    CAPTURE(refused);
    auto& cluster = test_cluster::shared();
    const auto database = fresh_log(cluster);
    make_moody(cluster, database);
    io_threads threads;
    {
      log_server server(threads, cluster, database);
      answers asked(threads, server);
      const auto made = write_behind(asked, server, save_client("A", refused),
                                     {save_client("A", "fine"), save_client("B", "fine")});
      REQUIRE(wait_until([&] { return asked.complete(); }));
      CHECK(is_rejected(asked.of(made.first)));
      // What was refused is nowhere: the next one creates the record.
      CHECK(asked.of(made.others[0])->items.at(0).version == 1);
      CHECK(asked.of(made.others[1])->items.at(0).version == 1);
      CHECK(server.committer.stats().connected);
      // Nothing is left open: another server gets its turn.
      CHECK(cluster.sql(database,
                        "SELECT pg_try_advisory_lock(classid::bigint << 32 | objid::bigint)::text FROM "
                        "pg_locks WHERE locktype = 'advisory'") == "");
    }
    CHECK(records_of(cluster, database) == "A1 B1");
    check_everything(cluster, database);
  }
}

TEST_CASE("overlap: when the connection breaks under two batches, both are saved once") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  make_moody(cluster, database);
  io_threads threads;
  {
    log_server server(threads, cluster, database);
    answers asked(threads, server);
    const auto made = write_behind(asked, server, save_client("A", "slow"),
                                   {save_client("A", "after"), save_client("B", "after")});
    cluster.sql(database, fmt::format("SELECT pg_terminate_backend({})", server.committer.backend_pid()));
    REQUIRE(wait_until([&] { return asked.complete(); }));
    CHECK(asked.of(made.first)->items.at(0).version == 1);
    CHECK(asked.of(made.others[0])->items.at(0).version == 2);
    CHECK(asked.of(made.others[1])->items.at(0).version == 1);
  }
  CHECK(records_of(cluster, database) == "A1 A2 B1");
  check_everything(cluster, database);
}

TEST_CASE("overlap: an answer that passed its deadline behind a slow commit is not saved") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  make_moody(cluster, database);
  io_threads threads;
  {
    log_server server(threads, cluster, database);
    answers asked(threads, server);
    const auto first = asked.ask(request_of({save_client("A", "slow slow")}));
    REQUIRE(wait_until([&] { return is_committing(server); }));
    const auto hasty = asked.ask(request_of({save_client("B", "hasty")}, 1ms));
    const auto patient = asked.ask(request_of({save_client("C", "patient")}));
    REQUIRE(wait_until([&] { return asked.complete(); }));
    CHECK(asked.of(first).has_value());
    CHECK(asked.of(hasty).error().code == core::problem_code::database_unavailable);
    CHECK(asked.of(patient).has_value());
  }
  CHECK(cluster.sql(database, "SELECT string_agg(record_id, ' ' ORDER BY position) FROM synclog.events") ==
        "A C");
  check_everything(cluster, database);
}

TEST_CASE("overlap: refusals, broken connections and two servers at random keep every promise") {
  constexpr int writers = 12, each = 60;
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  make_moody(cluster, database);
  io_threads threads;
  std::mutex mutex;
  std::set<std::string> saved, refused, unsure;
  {
    log_server one(threads, cluster, database), other(threads, cluster, database);
    std::atomic<int> running{0};
    const auto write = [&](int number) -> boost::asio::awaitable<void> {
      std::minstd_rand random(seed + static_cast<unsigned>(number));
      for (int index = 0; index < each; ++index) {
        const auto mood = random() % 20;
        const char* name = mood == 0 ? "poison" : mood == 1 ? "late" : "fine";
        const auto id = fmt::format("R-{}-{}", number, index);
        auto request = request_of({save_client(id, name)});
        auto& server = random() % 2 == 0 ? one : other;
        auto done = co_await server.committer.submit(std::move(request));
        const std::lock_guard guard(mutex);
        if (!done)
          unsure.insert(id);
        else
          (is_rejected(done) ? refused : saved).insert(id);
      }
    };
    for (int number = 0; number < writers; ++number) {
      ++running;
      auto work = write(number);
      auto done = [&running](std::exception_ptr) { --running; };
      boost::asio::co_spawn(threads.context(), std::move(work), done);
    }
    std::minstd_rand random(seed);
    while (running > 0) {
      auto& hit = random() % 2 == 0 ? one : other;
      const auto before = hit.committer.stats().batches;
      (void)wait_until([&] { return running == 0 || hit.committer.stats().batches > before + 10; });
      if (const int backend = hit.committer.backend_pid(); running > 0 && backend > 0)
        cluster.sql(database, fmt::format("SELECT pg_terminate_backend({})", backend));
    }
    CHECK(one.committer.stats().overlapped + other.committer.stats().overlapped > 0);
  }
  std::set<std::string> logged;
  const auto text =
      cluster.sql(database, "SELECT coalesce(string_agg(record_id, ' '), '') FROM synclog.events");
  for (std::size_t from = 0; from < text.size();) {
    const auto to = std::min(text.find(' ', from), text.size());
    CHECK(logged.insert(text.substr(from, to - from)).second);
    from = to + 1;
  }
  for (const auto& id : saved)
    CHECK(logged.contains(id));
  for (const auto& id : refused)
    CHECK_FALSE(logged.contains(id));
  CHECK(saved.size() + unsure.size() >= logged.size());
  CHECK(saved.size() > writers * each / 2);
  check_everything(cluster, database);
}
