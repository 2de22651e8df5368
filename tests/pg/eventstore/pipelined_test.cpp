// Two batches under way, the second decided on what the first will have done and sent before that has its
// answer. Whatever becomes of either, each is in the log once or not at all, in order, and nobody is told
// otherwise.
#include "eventstore/head_lock.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "moody_log.hpp"

#include <atomic>
#include <csignal>
#include <map>
#include <random>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
using core::command_kind;
using core::item_status;

namespace {

struct moody_log {
  test_cluster& cluster = test_cluster::shared();
  std::string database = fresh_log(cluster);
  io_threads threads;

  moody_log() { make_moody(cluster, database); }
};

void warm_up(log_server& server) {
  REQUIRE(server.submit(request_of({save_client("warm", "warm")})).has_value());
}

// A client whose id the server makes.
core::command nameless(const std::string& name) {
  return command_of("clients", command_kind::save, fmt::format(R"({{"full_name":"{}"}})", name));
}

class stopped_process {
 public:
  explicit stopped_process(pid_t pid) : pid_(pid) { REQUIRE(kill(pid_, SIGSTOP) == 0); }
  ~stopped_process() { kill(pid_, SIGCONT); }
  stopped_process(const stopped_process&) = delete;
  stopped_process& operator=(const stopped_process&) = delete;

 private:
  pid_t pid_;
};

// One write after the other until two batches are under way. How many there are.
std::size_t ask_until_pipelined(answers& asked, log_server& server) {
  std::size_t requests = 0;
  const auto go_on = [&] {
    asked.ask(request_of({nameless(fmt::format("name {}", ++requests))}));
    return wait_until([&] { return server.committer.stats().pipelined > 0; }, 50ms);
  };
  REQUIRE(wait_until(go_on));
  return requests;
}

void check_all_saved(moody_log& on, answers& asked, std::size_t requests) {
  REQUIRE(wait_until([&] { return asked.complete(); }));
  for (std::size_t index = 0; index < requests; ++index)
    CHECK(asked.of(index)->items.at(0).version == 1);
  CHECK(on.cluster.sql(on.database, "SELECT count(*) FROM synclog.events WHERE record_id <> 'warm'") ==
        std::to_string(requests));
}

} // namespace

TEST_CASE(
    "pipelined: a batch is decided on what the one before will have done, and both are saved in order") {
  moody_log on;
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server);
    answers asked(on.threads, server);
    const auto made = write_behind(asked, server, save_client("A", "slow"),
                                   {save_client("A", "changed"), save_client("B", "other")});
    REQUIRE(wait_until([&] { return asked.complete(); }));
    CHECK(asked.of(made.first)->items.at(0).position.value == 2);
    CHECK(asked.of(made.others[0])->items.at(0).version == 2);
    CHECK(server.committer.stats().pipelined >= 1);
    CHECK(server.committer.stats().fenced + server.committer.stats().disproven == 0);
    CHECK(server.feed.head().position.value == 4);
  }
  check_everything(on.cluster, on.database);
}

// To decide the next one would keep the first from being sent.
TEST_CASE("pipelined: behind a batch that the socket does not take at once the next is decided when it has") {
  constexpr int many = 1'000; // rows of about a kilobyte
  moody_log on;
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server);
    io_threads in_order(1);
    answers asked(in_order, server);
    eventstore::write_request large = request_of({save_client("A", "slow")});
    for (int index = 1; index < many; ++index)
      large.commands.push_back(nameless(fmt::format("name {} {}", index, std::string(200, 'x'))));
    const auto queued = [&] { return server.committer.stats().queued_requests; };
    // One thread asks: what is behind it there has been asked.
    const auto has_asked = []() -> boost::asio::awaitable<void> { co_return; };
    {
      const stopped_process asleep(server.committer.backend_pid());
      asked.ask(std::move(large));
      in_order.run(has_asked());
      REQUIRE(wait_until([&] { return queued() == 0; }));
      asked.ask(request_of({save_client("A", "changed")}));
      in_order.run(has_asked());
      CHECK(queued() == 1);
    }
    REQUIRE(wait_until([&] { return asked.complete(); }));
    CHECK(server.committer.stats().deferred == 1);
    CHECK(asked.of(0)->items.size() == many);
    CHECK(asked.of(1)->items.at(0).version == 2);
    CHECK(server.committer.stats().pipelined == 1);
    CHECK(server.committer.stats().fenced + server.committer.stats().disproven == 0);
  }
  check_everything(on.cluster, on.database);
}

TEST_CASE("pipelined: when the first is refused, with its rows or its COMMIT, the second is decided anew") {
  for (const char* refused : {"slow poison", "slow late"}) {
    CAPTURE(refused);
    moody_log on;
    {
      log_server server(on.threads, on.cluster, on.database);
      warm_up(server);
      answers asked(on.threads, server);
      const auto made = write_behind(asked, server, save_client("A", refused),
                                     {save_client("A", "fine"), save_client("B", "fine")});
      REQUIRE(wait_until([&] { return asked.complete(); }));
      CHECK(is_rejected(asked.of(made.first)));
      // It was decided as a change of A; there is no A.
      CHECK(asked.of(made.others[0])->items.at(0).version == 1);
      CHECK(asked.of(made.others[1])->items.at(0).version == 1);
      CHECK(server.committer.stats().pipelined >= 1);
      CHECK(server.committer.stats().connected);
      CHECK(on.cluster.sql(on.database,
                           "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
                           "(SELECT oid FROM pg_database WHERE datname = current_database())") == "0");
    }
    check_everything(on.cluster, on.database);
    CHECK(on.cluster.sql(on.database, "SELECT count(*) FROM synclog.events") == "3");
  }
}

TEST_CASE("pipelined: the second may be refused alone") {
  moody_log on;
  on.cluster.sql(on.database, "INSERT INTO synclog.idempotency VALUES (NULL, now(), 'anonymous', 'used', "
                              "decode(repeat('07', 32), 'hex'), '{\"at\":\"0-00000000\",\"items\":[]}')");
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server);
    answers asked(on.threads, server);
    const auto first = asked.ask(request_of({save_client("A", "slow")}));
    REQUIRE(wait_until([&] { return is_committing(server); }));
    // Not known to be used: its row collides.
    auto keyed = request_of({save_client("B", "b")});
    keyed.idempotency.key = "used";
    keyed.idempotency.fingerprint.fill(7);
    const auto second = asked.ask(std::move(keyed));
    REQUIRE(wait_until([&] { return server.committer.stats().pipelined == 1; }));
    const auto third = asked.ask(request_of({save_client("C", "c")}));
    REQUIRE(wait_until([&] { return asked.complete(); }));
    CHECK(asked.of(first)->items.at(0).version == 1);
    CHECK(asked.of(second)->replayed);
    CHECK(asked.of(third)->items.at(0).version == 1);
    CHECK(server.committer.stats().disproven == 1);
  }
  CHECK(events_of(on.cluster, on.database) == "warm1 A1 C1");
  check_everything(on.cluster, on.database);
}

TEST_CASE("pipelined: when the connection breaks under two batches, both are saved once, in order") {
  moody_log on;
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server);
    answers asked(on.threads, server);
    const auto made = write_behind(asked, server, save_client("A", "slow"),
                                   {save_client("A", "after"), save_client("B", "after")});
    on.cluster.sql(on.database,
                   fmt::format("SELECT pg_terminate_backend({})", server.committer.backend_pid()));
    REQUIRE(wait_until([&] { return asked.complete(); }));
    CHECK(asked.of(made.first)->items.at(0).version == 1);
    CHECK(asked.of(made.others[0])->items.at(0).version == 2);
    CHECK(asked.of(made.others[1])->items.at(0).version == 1);
    CHECK(server.committer.stats().pipelined >= 1);
  }
  CHECK(on.cluster.sql(on.database, "SELECT count(*) FROM synclog.events") == "4");
  check_everything(on.cluster, on.database);
}

// The session is given up while its backend has not even begun. It begins later, when the same requests have
// been saved again: its fence must hold.
TEST_CASE("pipelined: what a lost session still carries out afterwards saves nothing twice") {
  moody_log on;
  {
    // The committer waits five seconds longer than this for an answer.
    log_server server(on.threads, on.cluster, on.database, {}, {}, 0ms);
    warm_up(server);
    const int backend = server.committer.backend_pid();
    answers asked(on.threads, server);
    std::size_t requests = 0;
    {
      const stopped_process asleep(backend);
      requests = ask_until_pipelined(asked, server);
      REQUIRE(wait_until([&] { return asked.complete(); }));
    }
    const auto of_backend = fmt::format("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", backend);
    REQUIRE(wait_until([&] { return on.cluster.sql(on.database, of_backend) == "0"; }));
    check_all_saved(on, asked, requests);
    CHECK(server.committer.stats().unknown_outcomes == 1);
  }
  check_everything(on.cluster, on.database);
}

// The session is given up while its backend waits for the head lock, which it gets before the next one asks
// for it: what it saves is found.
TEST_CASE("pipelined: what a lost session saved after all is found and answered") {
  moody_log on;
  {
    log_server server(on.threads, on.cluster, on.database, {}, {}, 0ms);
    warm_up(server);
    const int backend = server.committer.backend_pid();
    answers asked(on.threads, server);
    std::size_t requests = 0;
    {
      eventstore::pg::plain_connection holder(on.cluster.conninfo(on.database), "", "holder");
      holder.run("BEGIN");
      holder.run("SELECT pg_advisory_xact_lock($1::bigint)", {std::to_string(eventstore::head_lock_key)});
      requests = ask_until_pipelined(asked, server);
      // Given up, and another session asks for the lock.
      const char* waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
      REQUIRE(wait_until([&] {
        return server.committer.backend_pid() != backend && on.cluster.sql(on.database, waiting) == "2";
      }));
      holder.run("COMMIT");
    }
    check_all_saved(on, asked, requests);
    CHECK(server.committer.stats().unknown_outcomes >= 1);
    CHECK(server.feed.head().position.value == static_cast<std::int64_t>(requests) + 1);
  }
  check_everything(on.cluster, on.database);
}

namespace {

// One writer's word against the log.
struct promise {
  std::string token; // in the record's phone
  std::int64_t position = 0, version = 0;
  bool is_unsure = false;
};

// Writes what it likes to records of its own, one request after the other.
class wild_writer {
 public:
  wild_writer(unsigned seed, int number, log_server& often, log_server& seldom)
      : random_(seed), number_(number), often_(often), seldom_(seldom) {}

  boost::asio::awaitable<void> run(int requests) {
    for (int index = 0; index < requests; ++index) {
      promise made;
      made.token = fmt::format("{}-{}", number_, index);
      const auto wanted = make_command(made);
      const auto key = random_() % 4 == 0 ? made.token : std::string();
      co_await ask(wanted, key, made);
      promises.push_back(made);
    }
  }

  std::vector<promise> promises;

 private:
  core::command make_command(const promise& made) {
    const auto id = fmt::format("R-{}-{}", number_, random_() % 6);
    const auto mood = random_() % 120;
    const char* name = mood == 0 ? "poison" : mood == 1 ? "late" : "fine";
    const auto what = random_() % 10;
    if (what == 0) return command_of("clients", command_kind::remove, fmt::format(R"({{"id":"{}"}})", id));
    const auto kind = what < 4 ? command_kind::merge : command_kind::save;
    const auto given = what > 5 ? std::string() : fmt::format(R"("id":"{}",)", id);
    return command_of("clients", kind,
                      fmt::format(R"({{{}"full_name":"{}","phone":"{}"}})", given, name, made.token));
  }

  // Under a key an unsure answer is asked for again.
  boost::asio::awaitable<void> ask(core::command wanted, std::string key, promise& made) {
    constexpr int most_tries = 20;
    for (int tries = 0; tries < most_tries; ++tries) {
      auto request = request_of({wanted});
      request.idempotency.key = key;
      auto& server = random_() % 12 == 0 ? seldom_ : often_;
      const auto done = co_await server.committer.submit(std::move(request));
      if (done) {
        const auto& item = done->items.at(0);
        made.is_unsure = false;
        if (item.status != item_status::unchanged && item.status != item_status::deleted) {
          made.position = item.position.value;
          made.version = item.version;
        }
        co_return;
      }
      made.is_unsure = true;
      if (key.empty()) co_return;
    }
  }

  std::minstd_rand random_;
  int number_;
  log_server& often_;
  log_server& seldom_;
};

// Each token of the log with the events that carry it: "1 <position> <version>".
std::map<std::string, std::string> tokens_of(moody_log& on) {
  const auto text = on.cluster.sql(
      on.database,
      "SELECT string_agg(t.token || '=' || t.seen, ';') FROM (SELECT data ->> 'phone' AS token, count(*) || "
      "' ' || max(position) || ' ' || max(version) AS seen FROM synclog.events WHERE action <> 'deleted' "
      "AND data ->> 'phone' <> '' GROUP BY 1) AS t");
  std::map<std::string, std::string> found;
  for (std::size_t from = 0; from < text.size();) {
    const auto to = std::min(text.find(';', from), text.size());
    const auto middle = text.find('=', from);
    found.emplace(text.substr(from, middle - from), text.substr(middle + 1, to - middle - 1));
    from = to + 1;
  }
  return found;
}

void check_promises(const std::map<std::string, std::string>& logged, const std::vector<promise>& promises) {
  std::int64_t latest = 0;
  for (const auto& one : promises) {
    CAPTURE(one.token);
    const auto found = logged.find(one.token);
    const auto seen = found == logged.end() ? std::string() : found->second;
    if (one.position > 0) {
      CHECK(seen == fmt::format("1 {} {}", one.position, one.version));
      CHECK(one.position > latest); // asked after the one before was answered
      latest = one.position;
    } else {
      CHECK((seen.empty() || (one.is_unsure && seen.starts_with("1 "))));
    }
  }
}

} // namespace

TEST_CASE(
    "pipelined: writes, refusals, keys, lost sessions and another server at random keep every promise") {
  constexpr int writers = 12, each = 60;
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  moody_log on;
  std::vector<wild_writer> all;
  {
    log_server often(on.threads, on.cluster, on.database), seldom(on.threads, on.cluster, on.database);
    for (int number = 0; number < writers; ++number)
      all.emplace_back(seed + static_cast<unsigned>(number), number, often, seldom);
    std::atomic<int> running{writers};
    for (auto& writer : all) {
      auto work = writer.run(each);
      auto done = [&running](std::exception_ptr) { --running; };
      boost::asio::co_spawn(on.threads.context(), std::move(work), done);
    }
    while (running > 0) {
      const auto before = often.committer.stats().batches;
      (void)wait_until([&] { return running == 0 || often.committer.stats().batches > before + 40; });
      if (const int backend = often.committer.backend_pid(); running > 0 && backend > 0)
        on.cluster.sql(on.database, fmt::format("SELECT pg_terminate_backend({})", backend));
    }
    // How many go which way is chance; that each way is taken is tested on its own.
    MESSAGE(often.committer.stats().short_batches, " of ", often.committer.stats().batches, " batches whole");
  }
  const auto logged = tokens_of(on);
  for (const auto& writer : all)
    check_promises(logged, writer.promises);
  check_everything(on.cluster, on.database);
}
