// Batches that are decided on what the committer knows and saved in one round trip: what they save is what
// looked-up ones would have saved, whatever the committer did not know.
#include "eventstore/known_log.hpp"
#include "moody_log.hpp"

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
using core::command_kind;
using core::item_status;

namespace {

core::command client(const std::string& json_text, command_kind kind = command_kind::save) {
  return command_of("clients", kind, json_text);
}

// From the first write on, a committer knows where the log ends.
void warm_up(log_server& server, const std::string& id = "warm") {
  REQUIRE(server.submit(request_of({save_client(id, "warm")})).has_value());
}

eventstore::write_request with_key(const std::string& key, core::command wanted) {
  auto request = request_of({std::move(wanted)});
  request.idempotency.key = key;
  request.idempotency.fingerprint.fill(7);
  return request;
}

struct short_log {
  test_cluster& cluster = test_cluster::shared();
  std::string database = fresh_log(cluster);
  io_threads threads;
};

} // namespace

TEST_CASE("short way: new records and changes of known ones take one round trip, from the second write on") {
  short_log on;
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server);
    CHECK(server.committer.stats().short_batches == 0);
    const auto made = server.submit(request_of({client(R"({"full_name":"a","reference_number":"R1"})")}));
    REQUIRE(made.has_value());
    const auto id = made->items.at(0).id;
    const auto changed = server.submit(
        request_of({client(fmt::format(R"({{"id":"{}","phone":"1"}})", id), command_kind::merge)}));
    REQUIRE(changed.has_value());
    CHECK(changed->items.at(0).version == 2);
    const auto gone =
        server.submit(request_of({client(fmt::format(R"({{"id":"{}"}})", id), command_kind::remove)}));
    REQUIRE(gone.has_value());
    const auto back = server.submit(request_of({save_client(id, "again")}));
    REQUIRE(back.has_value());
    CHECK(back->items.at(0).status == item_status::created);
    CHECK(back->items.at(0).version == 4);
    const auto counted = server.committer.stats();
    CHECK(counted.short_batches == 4);
    CHECK(counted.fenced + counted.disproven == 0);
    CHECK(server.feed.head().position.value == 5);
  }
  check_everything(on.cluster, on.database);
}

TEST_CASE("short way: a record that was not known to exist is changed, not made again") {
  short_log on;
  {
    log_server first(on.threads, on.cluster, on.database);
    warm_up(first, "old");
  }
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server);
    const auto changed = server.submit(request_of({save_client("old", "changed")}));
    REQUIRE(changed.has_value());
    CHECK(changed->items.at(0).status == item_status::updated);
    CHECK(changed->items.at(0).version == 2);
    CHECK(server.committer.stats().disproven == 1);
  }
  CHECK(events_of(on.cluster, on.database) == "old1 warm1 old2");
  check_everything(on.cluster, on.database);
}

TEST_CASE(
    "short way: a unique value that was not known to be held is refused, and names its record as a key") {
  short_log on;
  {
    log_server first(on.threads, on.cluster, on.database);
    REQUIRE(first.submit(request_of({client(R"({"id":"old","full_name":"a","reference_number":"R1"})")}))
                .has_value());
  }
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server);
    const auto refused =
        server.submit(request_of({client(R"({"id":"new","full_name":"b","reference_number":"R1"})")}));
    REQUIRE(refused.has_value());
    REQUIRE(is_rejected(refused));
    CHECK(refused->items.at(0).error->code == core::problem_code::taken);
    CHECK(refused->items.at(0).error->errors.at(0).pointer == "/reference_number");
    CHECK(server.committer.stats().disproven == 1);
  }
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server, "warm too");
    const auto found = server.submit(request_of({client(R"({"full_name":"c","reference_number":"R1"})")}));
    REQUIRE(found.has_value());
    CHECK(found->items.at(0).id == "old");
    CHECK(found->items.at(0).version == 2);
    CHECK(server.committer.stats().disproven == 1);
  }
  CHECK(events_of(on.cluster, on.database) == "old1 warm1 warm too1 old2");
  check_everything(on.cluster, on.database);
}

TEST_CASE("short way: a value is not taken before its holder gives it up, though the table would allow it") {
  short_log on;
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server);
    REQUIRE(server.submit(request_of({client(R"({"id":"A","full_name":"a","reference_number":"R1"})")}))
                .has_value());
    const auto done =
        server.submit(request_of({client(R"({"id":"B","full_name":"b","reference_number":"R1"})"),
                                  client(R"({"id":"A","reference_number":"R2"})"),
                                  client(R"({"id":"C","full_name":"c","reference_number":"R1"})")}));
    REQUIRE(done.has_value());
    CHECK(done->items.at(0).error->code == core::problem_code::taken);
    CHECK(done->items.at(1).status == item_status::updated);
    CHECK(done->items.at(2).status == item_status::created);
  }
  CHECK(events_of(on.cluster, on.database) == "warm1 A1 A2 C1");
  check_everything(on.cluster, on.database);
}

TEST_CASE("short way: a value that is taken and given up at once is not free for that") {
  short_log on;
  {
    log_server first(on.threads, on.cluster, on.database);
    REQUIRE(first.submit(request_of({client(R"({"id":"Y","full_name":"y","reference_number":"R1"})")}))
                .has_value());
  }
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server, "A");
    const auto done =
        server.submit(request_of({client(R"({"id":"A","full_name":"a","reference_number":"R1"})"),
                                  client(R"({"full_name":"through R1","reference_number":"R1"})"),
                                  client(R"({"id":"A","reference_number":"R2"})")}));
    REQUIRE(done.has_value());
    CHECK(done->items.at(0).error->code == core::problem_code::taken);
    CHECK(done->items.at(1).id == "Y");
    CHECK(done->items.at(2).status == item_status::updated);
  }
  CHECK(events_of(on.cluster, on.database) == "Y1 A1 Y2 A2");
  check_everything(on.cluster, on.database);
}

TEST_CASE("short way: an Idempotency-Key that was not known to be used answers as it did first") {
  short_log on;
  std::string id;
  {
    log_server first(on.threads, on.cluster, on.database);
    const auto made = first.submit(with_key("k", client(R"({"full_name":"a"})")));
    REQUIRE(made.has_value());
    id = made->items.at(0).id;
  }
  {
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server);
    const auto fresh = server.submit(with_key("fresh", client(R"({"full_name":"b"})")));
    REQUIRE(fresh.has_value());
    CHECK(server.committer.stats().short_batches == 1);
    const auto again = server.submit(with_key("k", client(R"({"full_name":"a"})")));
    REQUIRE(again.has_value());
    CHECK(again->replayed);
    CHECK(again->items.at(0).id == id);
    CHECK(server.committer.stats().disproven == 1);
  }
  CHECK(on.cluster.sql(on.database, "SELECT count(*) FROM synclog.events") == "3");
  check_everything(on.cluster, on.database);
}

TEST_CASE("short way: what the state refuses, and what is only tried, is looked up") {
  short_log on;
  {
    log_server first(on.threads, on.cluster, on.database);
    warm_up(first, "old");
  }
  log_server server(on.threads, on.cluster, on.database);
  warm_up(server);
  // As a new record it would lack its name.
  const auto both =
      server.submit(request_of({save_client("new", "n"), client(R"({"id":"old","phone":"1"})")}));
  REQUIRE(both.has_value());
  CHECK(both->items.at(1).status == item_status::updated);
  CHECK(both->items.at(1).version == 2);
  CHECK(server.committer.stats().short_batches + server.committer.stats().disproven == 0);
  auto stale = save_client("old", "x");
  stale.expected_version = 9;
  const auto refused = server.submit(request_of({std::move(stale)}));
  REQUIRE(is_rejected(refused));
  CHECK_FALSE(refused->items.at(0).error->current.empty());
  auto only_new = save_client("old", "x");
  only_new.create_only = true;
  const auto exists = server.submit(request_of({std::move(only_new)}));
  REQUIRE(is_rejected(exists));
  auto tried = request_of({save_client("old", "x")});
  tried.dry_run = true;
  const auto told = server.submit(std::move(tried));
  REQUIRE(told.has_value());
  CHECK(told->items.at(0).status == item_status::updated);
  const auto absent =
      server.submit(request_of({client(R"({"id":"none","phone":"1"})", command_kind::merge)}));
  REQUIRE(is_rejected(absent));
  CHECK(absent->items.at(0).error->code == core::problem_code::not_found);
  CHECK(events_of(on.cluster, on.database) == "old1 warm1 new1 old2");
}

TEST_CASE("short way: when others have written, the fence holds, and both are saved in order") {
  short_log on;
  {
    log_server one(on.threads, on.cluster, on.database), other(on.threads, on.cluster, on.database);
    warm_up(one, "A");
    warm_up(other, "B");
    const auto late = one.submit(request_of({save_client("C", "c")}));
    REQUIRE(late.has_value());
    CHECK(late->items.at(0).position.value == 3);
    CHECK(one.committer.stats().fenced == 1);
    // What `one` knew of A is out of date as well, though nobody but `other` has changed it.
    REQUIRE(other.submit(request_of({save_client("A", "changed")})).has_value());
    const auto same = one.submit(request_of({save_client("A", "changed")}));
    REQUIRE(same.has_value());
    CHECK(same->items.at(0).status == item_status::unchanged);
    CHECK(same->items.at(0).version == 2);
  }
  CHECK(events_of(on.cluster, on.database) == "A1 B1 C1 A2");
  check_everything(on.cluster, on.database);
}

TEST_CASE("short way: after a refusal some batches go another way, and then it is tried again") {
  short_log on;
  log_server one(on.threads, on.cluster, on.database), other(on.threads, on.cluster, on.database);
  warm_up(one, "A");
  warm_up(other, "B");
  const auto write = [&](int number) {
    REQUIRE(one.submit(request_of({save_client(fmt::format("N{}", number), "n")})).has_value());
  };
  write(0);
  REQUIRE(one.committer.stats().fenced == 1);
  // The refused batch was the first of those that go another way.
  for (int number = 1; number < eventstore::short_way::first_pause; ++number)
    write(number);
  CHECK(one.committer.stats().short_batches == 0);
  write(100);
  CHECK(one.committer.stats().short_batches == 1);
  CHECK(one.committer.stats().fenced == 1);
}

TEST_CASE("short way: a definition that another server adopted in between is respected") {
  short_log on;
  log_server server(on.threads, on.cluster, on.database);
  warm_up(server);
  REQUIRE(server.submit(request_of({save_client("A", "a")})).has_value());
  REQUIRE(server.committer.stats().short_batches == 1);
  on.cluster.sql(on.database,
                 "UPDATE synclog.definitions SET revision = revision + 1 WHERE name = 'clients'");
  const auto refused = server.submit(request_of({save_client("B", "b")}));
  REQUIRE(is_rejected(refused));
  CHECK(refused->items.at(0).error->code == core::problem_code::outdated_server);
  CHECK(server.committer.stats().fenced == 1);
  CHECK(events_of(on.cluster, on.database) == "warm1 A1");
}

TEST_CASE("short way: an entity whose unique values no index holds is looked up") {
  short_log on;
  on.cluster.sql(on.database, "ALTER TABLE clients DROP CONSTRAINT clients_reference_number_key");
  // Holds some of them: that is not enough.
  on.cluster.sql(on.database,
                 "CREATE UNIQUE INDEX not_all ON clients (reference_number) WHERE full_name = 'nobody'");
  log_server server(on.threads, on.cluster, on.database);
  warm_up(server);
  const auto held = server.submit(request_of({client(R"({"full_name":"a","reference_number":"R1"})")}));
  REQUIRE(held.has_value());
  const auto taken =
      server.submit(request_of({client(R"({"id":"X","full_name":"b","reference_number":"R1"})")}));
  REQUIRE(is_rejected(taken));
  CHECK(server.committer.stats().short_batches == 0);
  const auto leave =
      server.submit(request_of({command_of("campaigns", command_kind::save, R"({"name":"n"})")}));
  CHECK(leave.has_value());
}

TEST_CASE("short way: a record that the database refuses does not fail its neighbours") {
  short_log on;
  make_moody(on.cluster, on.database);
  for (const char* refused : {"poison", "late"}) {
    CAPTURE(refused);
    log_server server(on.threads, on.cluster, on.database);
    warm_up(server, fmt::format("warm {}", refused));
    std::vector<core::command> bulk;
    for (int index = 0; index < 20; ++index)
      bulk.push_back(save_client(fmt::format("{}-{}", refused, index), index == 13 ? refused : "fine"));
    const auto done = server.submit(request_of(std::move(bulk)));
    REQUIRE(done.has_value());
    for (std::size_t index = 0; index < done->items.size(); ++index)
      CHECK((done->items[index].status == item_status::rejected) == (index == 13));
    CHECK(server.committer.stats().disproven == 1);
  }
  check_everything(on.cluster, on.database);
}
