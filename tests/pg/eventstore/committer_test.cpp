// The committer on a real database: order, atomicity, idempotency, poison, deadlines, lost connections.
#include "log_fixture.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>
#include <random>
#include <set>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
using core::command_kind;
using core::item_status;
using eventstore::write_request;

namespace {

core::command save(const std::string& json_text) {
  return command_of("clients", command_kind::save, json_text);
}

boost::asio::awaitable<void> write_many(eventstore::committer& committer, int writer, int count,
                                        std::atomic<int>& acknowledged) {
  for (int index = 0; index < count; ++index) {
    auto request =
        request_of({save(fmt::format(R"({{"id":"C-{}-{}","full_name":"w {}"}})", writer, index % 7, index))});
    auto done = co_await committer.submit(std::move(request));
    if (done && !done->items.at(0).error) {
      ++acknowledged;
    }
  }
}

} // namespace

TEST_CASE("committer: many writers get gap-free positions, and the chain and the read tables hold") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  {
    log_server server(threads, cluster, database);
    std::atomic<int> acknowledged{0};
    std::atomic<int> ended{0};
    constexpr int writers = 32;
    constexpr int each = 40;
    for (int writer = 0; writer < writers; ++writer) {
      auto work = write_many(server.committer, writer, each, acknowledged);
      auto done = [&ended](std::exception_ptr) { ++ended; };
      boost::asio::co_spawn(threads.context(), std::move(work), done);
    }
    REQUIRE(wait_until([&] { return ended == writers; }));
    CHECK(acknowledged == writers * each);
    CHECK(server.feed.head().position.value == writers * each);
    CHECK(server.committer.stats().batches < static_cast<std::uint64_t>(writers * each));
  }
  CHECK(cluster.sql(database, "SELECT count(*) || ' ' || max(position) FROM synclog.events") == "1280 1280");
  check_everything(cluster, database);
}

TEST_CASE(
    "committer: a strict request with one bad item leaves nothing, its lenient twin saves the good ones") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  log_server server(threads, cluster, database);
  const auto items = [] {
    return std::vector{save(R"({"id":"C-1","full_name":"a"})"), save(R"({"id":"C-2","phone":"1"})"),
                       save(R"({"id":"C-3","full_name":"c"})")};
  };
  auto strict = request_of(items());
  strict.handling = eventstore::bulk_handling::strict;
  const auto fell = server.submit(std::move(strict));
  REQUIRE(fell.has_value());
  CHECK(fell->items[0].error->code == core::problem_code::aborted);
  CHECK(fell->items[1].error->code == core::problem_code::invalid);
  CHECK(cluster.sql(database, "SELECT count(*) FROM synclog.events") == "0");
  const auto lenient = server.submit(request_of(items()));
  REQUIRE(lenient.has_value());
  CHECK(lenient->items[0].status == item_status::created);
  CHECK(lenient->items[1].status == item_status::rejected);
  CHECK(lenient->items[2].position.value == 2);
}

TEST_CASE("committer: a dry run tells what would happen and saves nothing") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  log_server server(threads, cluster, database);
  auto request = request_of({save(R"({"id":"C-1","full_name":"a"})")});
  request.dry_run = true;
  const auto told = server.submit(std::move(request));
  REQUIRE(told.has_value());
  CHECK(told->items[0].status == item_status::created);
  CHECK(told->items[0].position.value == 0);
  CHECK(cluster.sql(database, "SELECT count(*) FROM synclog.events") == "0");
}

TEST_CASE("committer: the same Idempotency-Key answers the same again, another request with it is refused") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  log_server server(threads, cluster, database);
  const auto keyed = [](const char* body, unsigned char print) {
    auto request = request_of({save(body)});
    request.idempotency.key = "k1";
    request.idempotency.fingerprint.fill(print);
    return request;
  };
  const auto first = server.submit(keyed(R"({"full_name":"a"})", 1));
  const auto second = server.submit(keyed(R"({"full_name":"a"})", 1));
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK_FALSE(first->replayed);
  CHECK(second->replayed);
  CHECK(second->items[0].id == first->items[0].id);
  CHECK(second->items[0].doc == first->items[0].doc);
  CHECK(core::to_string(second->at) == core::to_string(first->at));
  const auto other = server.submit(keyed(R"({"full_name":"b"})", 2));
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().code == core::problem_code::idempotency_mismatch);
  auto refused = keyed(R"({"phone":"1"})", 3);
  refused.idempotency.key = "k2";
  auto again = keyed(R"({"phone":"1"})", 3);
  again.idempotency.key = "k2";
  const auto no = server.submit(std::move(refused));
  const auto still_no = server.submit(std::move(again));
  REQUIRE(still_no.has_value());
  CHECK(still_no->replayed);
  CHECK(still_no->items[0].error->errors.at(0).pointer == no->items[0].error->errors.at(0).pointer);
}

TEST_CASE("committer: two unique values change hands within one request") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  {
    log_server server(threads, cluster, database);
    server.submit(request_of({save(R"({"id":"C-1","full_name":"a","reference_number":"R1"})"),
                              save(R"({"id":"C-2","full_name":"b","reference_number":"R2"})")}));
    const auto swapped = server.submit(request_of({save(R"({"id":"C-1","reference_number":null})"),
                                                   save(R"({"id":"C-2","reference_number":"R1"})"),
                                                   save(R"({"id":"C-1","reference_number":"R2"})")}));
    REQUIRE(swapped.has_value());
    for (const auto& item : swapped->items) {
      CHECK(item.status == item_status::updated);
    }
  }
  CHECK(cluster.sql(database, "SELECT string_agg(id || reference_number, ' ' ORDER BY id) FROM clients") ==
        "C-1R2 C-2R1");
  check_everything(cluster, database);
}

TEST_CASE("committer: a record that the database refuses does not fail its neighbours") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  cluster.sql(database, "ALTER TABLE clients ADD CHECK (full_name <> 'poison')");
  io_threads threads;
  {
    log_server server(threads, cluster, database);
    std::vector<core::command> bulk;
    for (int index = 0; index < 40; ++index) {
      const auto* name = index == 13 || index == 27 ? "poison" : "fine";
      bulk.push_back(save(fmt::format(R"({{"id":"B-{}","full_name":"{}"}})", index, name)));
    }
    const auto done = server.submit(request_of(std::move(bulk)));
    REQUIRE(done.has_value());
    for (std::size_t index = 0; index < done->items.size(); ++index) {
      CHECK((done->items[index].status == item_status::rejected) == (index == 13 || index == 27));
    }
    const auto alone = server.submit(request_of({save(R"({"id":"P","full_name":"poison"})")}));
    REQUIRE(alone.has_value());
    CHECK(alone->items[0].error->code == core::problem_code::invalid);
  }
  CHECK(cluster.sql(database, "SELECT count(*) FROM clients") == "38");
  check_everything(cluster, database);
}

TEST_CASE(
    "committer: a full queue refuses, and a request without a database is answered within its deadline") {
  test_cluster own;
  const auto database = fresh_log(own);
  io_threads threads;
  eventstore::committer_options options;
  options.max_queue_commands = 1;
  log_server server(threads, own, database, options);
  REQUIRE(server.submit(request_of({save(R"({"id":"C-1","full_name":"a"})")})).has_value());
  own.stop();
  std::atomic<int> unavailable{0};
  std::atomic<int> overloaded{0};
  constexpr int requests = 6;
  const auto began = std::chrono::steady_clock::now();
  for (int index = 0; index < requests; ++index) {
    auto request = request_of({save(R"({"full_name":"b"})")}, 1'000ms);
    auto work = server.committer.submit(std::move(request));
    auto done = [&](std::exception_ptr, core::result<eventstore::write_outcome> answer) {
      unavailable += !answer && answer.error().code == core::problem_code::database_unavailable;
      overloaded += !answer && answer.error().code == core::problem_code::overloaded;
    };
    boost::asio::co_spawn(threads.context(), std::move(work), done);
  }
  REQUIRE(wait_until([&] { return unavailable + overloaded == requests; }));
  CHECK(unavailable > 0);
  CHECK(overloaded > 0);
  CHECK(std::chrono::steady_clock::now() - began < 5s);
  own.start();
  const auto later = server.submit(request_of({save(R"({"id":"C-2","full_name":"c"})")}));
  REQUIRE(later.has_value());
  CHECK(later->items[0].position.value == 2);
}

TEST_CASE("committer: while the database could lose what it acknowledges nothing is taken") {
  const auto database = fresh_log(test_cluster::shared());
  io_threads threads;
  std::atomic<bool> durable{false};
  eventstore::committer_options options;
  options.is_durable = [&] { return durable.load(); };
  log_server server(threads, test_cluster::shared(), database, options);
  const auto refused = server.submit(request_of({save(R"({"full_name":"a"})")}));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == core::problem_code::database_not_durable);
  durable = true;
  const auto saved = server.submit(request_of({save(R"({"full_name":"b"})")}));
  REQUIRE(saved.has_value());
  CHECK(saved->items[0].position.value == 1);
}

TEST_CASE("committer: PostgreSQL killed again and again under load loses and doubles nothing") {
  cluster_options durable;
  durable.durable = true;
  test_cluster own(durable);
  const auto database = fresh_log(own);
  io_threads threads;
  std::mutex mutex;
  std::set<std::string> acknowledged;
  std::set<std::string> unsure;
  {
    log_server server(threads, own, database);
    std::atomic<bool> stop{false};
    std::atomic<int> running{0};
    const auto writer = [&](int number) -> boost::asio::awaitable<void> {
      for (int index = 0; !stop; ++index) {
        const auto id = fmt::format("K-{}-{}", number, index);
        auto request = request_of({save(fmt::format(R"({{"id":"{}","full_name":"x"}})", id))});
        auto done = co_await server.committer.submit(std::move(request));
        const std::lock_guard guard(mutex);
        if (done) {
          acknowledged.insert(id);
        } else if (done.error().code == core::problem_code::outcome_unknown) {
          unsure.insert(id);
        }
      }
    };
    for (int number = 0; number < 16; ++number) {
      ++running;
      auto work = writer(number);
      auto done = [&running](std::exception_ptr) { --running; };
      boost::asio::co_spawn(threads.context(), std::move(work), done);
    }
    const auto count = [&] {
      const std::lock_guard guard(mutex);
      return acknowledged.size();
    };
    for (int round = 0; round < 4; ++round) {
      const auto before = count();
      REQUIRE(wait_until([&] { return count() > before + 200; }));
      own.kill9();
      own.start();
    }
    const auto before = count();
    REQUIRE(wait_until([&] { return count() > before + 200; }));
    stop = true;
    REQUIRE(wait_until([&] { return running == 0; }));
  }
  const auto events = own.sql(database, "SELECT count(*) FROM synclog.events");
  const auto distinct = own.sql(database, "SELECT count(DISTINCT record_id) FROM synclog.events");
  CHECK(events == distinct);
  CHECK(std::stoul(events) >= acknowledged.size());
  CHECK(std::stoul(events) <= acknowledged.size() + unsure.size());
  const auto missing = [&] {
    std::string values;
    for (const auto& id : acknowledged) {
      values += fmt::format("{}('{}')", values.empty() ? "" : ",", id);
    }
    return own.sql(
        database,
        fmt::format("SELECT count(*) FROM (VALUES {}) a(id) WHERE NOT EXISTS "
                    "(SELECT FROM synclog.events e WHERE e.entity = 'clients' AND e.record_id = a.id)",
                    values));
  }();
  CHECK(missing == "0");
  check_everything(own, database);
}
