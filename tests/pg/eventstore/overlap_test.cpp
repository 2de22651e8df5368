// Two batches under way: the next one's look-ups wait behind the commit of the one before. Whatever becomes
// of that commit, the next batch is decided on what is in the log, and on nothing else.
#include "log_fixture.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>
#include <mutex>
#include <random>
#include <set>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
using core::command_kind;
using core::item_status;
using eventstore::write_outcome;

namespace {

core::command save(const std::string& id, const std::string& name) {
  return command_of("clients", command_kind::save,
                    fmt::format(R"({{"id":"{}","full_name":"{}"}})", id, name));
}

// The database takes its time over a name with "slow"; it refuses "poison" with the row, "late" with the
// COMMIT.
void make_moody(test_cluster& cluster, const std::string& database) {
  cluster.sql(database, R"(
    CREATE FUNCTION mood() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.full_name LIKE '%slow%' AND TG_NAME = 'at_once' THEN PERFORM pg_sleep(0.3); END IF;
      IF NEW.full_name LIKE '%poison%' AND TG_NAME = 'at_once' THEN RAISE check_violation; END IF;
      IF NEW.full_name LIKE '%late%' AND TG_NAME = 'at_commit' THEN RAISE check_violation; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER at_once BEFORE INSERT OR UPDATE ON clients FOR EACH ROW EXECUTE FUNCTION mood();
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE ON clients DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION mood();
    GRANT EXECUTE ON FUNCTION mood() TO synclog_app)");
}

// Each event's record and version: "A1 A2 B1".
std::string logged(test_cluster& cluster, const std::string& database) {
  return cluster.sql(
      database,
      "SELECT string_agg(record_id || version, ' ' ORDER BY record_id, version) FROM synclog.events");
}

// Answers of requests that wait at the same time.
class answers {
 public:
  answers(io_threads& threads, log_server& server) : threads_(threads), server_(server) {}

  std::size_t ask(eventstore::write_request request) {
    const std::lock_guard guard(mutex_);
    const auto index = all_.size();
    all_.emplace_back();
    auto work = server_.committer.submit(std::move(request));
    auto done = [this, index](std::exception_ptr, core::result<write_outcome> answer) {
      const std::lock_guard again(mutex_);
      all_[index] = std::move(answer);
      ++answered_;
    };
    boost::asio::co_spawn(threads_.context(), std::move(work), done);
    return index;
  }
  bool complete() {
    const std::lock_guard guard(mutex_);
    return answered_ == all_.size();
  }
  const core::result<write_outcome>& of(std::size_t index) { return *all_.at(index); }

 private:
  io_threads& threads_;
  log_server& server_;
  std::mutex mutex_;
  std::vector<std::optional<core::result<write_outcome>>> all_;
  std::size_t answered_ = 0;
};

// The rows of a slow name are being written.
bool is_committing(log_server& server) {
  const auto asleep =
      fmt::format("SELECT count(*) FROM pg_stat_activity WHERE pid = {} AND wait_event = 'PgSleep'",
                  server.committer.backend_pid());
  return test_cluster::shared().sql("postgres", asleep) == "1";
}

// One write that stays in its commit for a while, and then others, that set out behind it.
struct overlap {
  std::size_t first = 0;
  std::vector<std::size_t> others;
};

overlap write_behind(answers& asked, log_server& server, core::command first,
                     const std::vector<core::command>& others) {
  overlap made;
  const auto overlapped = server.committer.stats().overlapped;
  made.first = asked.ask(request_of({std::move(first)}));
  REQUIRE(wait_until([&] { return is_committing(server); }));
  for (const auto& each : others)
    made.others.push_back(asked.ask(request_of({each})));
  REQUIRE(wait_until([&] { return server.committer.stats().overlapped > overlapped || asked.complete(); }));
  CHECK(server.committer.stats().overlapped > overlapped);
  return made;
}

bool rejected(const core::result<write_outcome>& answer) {
  return answer && answer->items.at(0).status == item_status::rejected;
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
    const auto made = write_behind(asked, server, save("A", "slow one"),
                                   {save("A", "changed"), save("B", "other"), save("A", "changed again")});
    REQUIRE(wait_until([&] { return asked.complete(); }));
    CHECK(asked.of(made.first)->items.at(0).version == 1);
    // In whichever order they came.
    CHECK(asked.of(made.others[0])->items.at(0).version + asked.of(made.others[2])->items.at(0).version ==
          2 + 3);
    CHECK(server.feed.head().position.value == 4);
  }
  CHECK(logged(cluster, database) == "A1 A2 A3 B1");
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
      const auto made =
          write_behind(asked, server, save("A", refused), {save("A", "fine"), save("B", "fine")});
      REQUIRE(wait_until([&] { return asked.complete(); }));
      CHECK(rejected(asked.of(made.first)));
      // What was refused is nowhere: the next one creates the record.
      CHECK(asked.of(made.others[0])->items.at(0).version == 1);
      CHECK(asked.of(made.others[1])->items.at(0).version == 1);
      CHECK(server.committer.stats().connected);
      // Nothing is left open: another server gets its turn.
      CHECK(cluster.sql(database,
                        "SELECT pg_try_advisory_lock(classid::bigint << 32 | objid::bigint)::text FROM "
                        "pg_locks WHERE locktype = 'advisory'") == "");
    }
    CHECK(logged(cluster, database) == "A1 B1");
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
    const auto made =
        write_behind(asked, server, save("A", "slow"), {save("A", "after"), save("B", "after")});
    cluster.sql(database, fmt::format("SELECT pg_terminate_backend({})", server.committer.backend_pid()));
    REQUIRE(wait_until([&] { return asked.complete(); }));
    CHECK(asked.of(made.first)->items.at(0).version == 1);
    CHECK(asked.of(made.others[0])->items.at(0).version == 2);
    CHECK(asked.of(made.others[1])->items.at(0).version == 1);
  }
  CHECK(logged(cluster, database) == "A1 A2 B1");
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
    const auto first = asked.ask(request_of({save("A", "slow slow")}));
    REQUIRE(wait_until([&] { return is_committing(server); }));
    const auto hasty = asked.ask(request_of({save("B", "hasty")}, 1ms));
    const auto patient = asked.ask(request_of({save("C", "patient")}));
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
        auto request = request_of({save(id, name)});
        auto& server = random() % 2 == 0 ? one : other;
        auto done = co_await server.committer.submit(std::move(request));
        const std::lock_guard guard(mutex);
        if (!done)
          unsure.insert(id);
        else
          (rejected(done) ? refused : saved).insert(id);
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
