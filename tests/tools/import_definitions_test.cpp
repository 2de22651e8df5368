// `synclog replay import` after a definition has changed: the log's own export comes back byte for byte, also
// the events that today's columns could not take, and the read table is the source's.
#include "command_run.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/wait.hpp"
#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <random>
#include <stdexcept>

using namespace synclog::tests;
namespace fs = std::filesystem;

namespace {

constexpr int fillers = 6'000; // several batches of an import

// `age` turns from a text into a number, `code` becomes unique, `colour` goes.
void put_pets(const temporary_folder& where, int revision) {
  std::ofstream(where.file("pets.json")) << fmt::format(
      R"({{"title":"Pets","type":"object","additionalProperties":false,"x-revision":{},"x-table":"pets",
          "x-prefix":"PET","required":["name"{}],"properties":{{"name":{{"type":"string"}},
          "age":{{"type":"{}"}},"code":{{"type":"string"}}{},"branch":{{"type":"string"}}}},
          "x-filters":{{"branch":"branch"}},"x-search":["name"],"x-branch":"branch"{}}})",
      revision, revision == 1 ? "" : ",\"code\"", revision == 1 ? "string" : "number",
      revision == 1 ? R"(,"colour":{"type":"string"})" : "", revision == 1 ? "" : R"(,"x-unique":["code"])");
}

words on(const std::string& database, words more) {
  more.insert(more.end(), {"--database-url", durable_cluster().url(database)});
  return more;
}

std::string sql(const std::string& database, const std::string& statements) {
  return durable_cluster().sql(database, statements);
}

std::string head_of(const std::string& database) {
  return sql(
      database,
      "SELECT position || ' ' || encode(hash, 'hex') FROM synclog.events ORDER BY position DESC LIMIT 1");
}

std::string pets_of(const std::string& database) {
  return sql(database, "SELECT count(*) || ' ' || md5(string_agg(p::text, '|' ORDER BY id)) FROM pets p");
}

void check_verified(const std::string& database) {
  const auto verified = run_command(on(database, {"replay", "verify"}));
  CHECK_MESSAGE(verified.code == 0, verified.output);
}

void post(const server_fixture& server, const std::string& lines) {
  const auto saved = server.request("POST", "/api/pets", {{"Content-Type", "application/x-ndjson"}}, lines);
  REQUIRE_MESSAGE(saved.status == 200, saved.body.substr(0, 500));
}

// With the first definition: ages that are no numbers, a code that stands twice, and much between that and
// its correction; then with the second.
std::string changed_log(const temporary_folder& definitions) {
  put_pets(definitions, 1);
  server_fixture server({.arguments = {"--entities", definitions.path()}});
  post(server, R"({"id":"A","name":"A","age":"young","code":"x","colour":"red","branch":"north"}
{"id":"B","name":"B","age":"12","code":"x","branch":"north"}
{"id":"GONE","name":"G","age":"old","branch":"north"}
)");
  for (int first = 0; first < fillers; first += 2'000) {
    std::string many;
    for (int i = first; i < first + 2'000; ++i)
      many += fmt::format("{{\"id\":\"F-{0}\",\"name\":\"F {0}\",\"code\":\"f{0}\"}}\n", i);
    post(server, many);
  }
  post(server, R"({"id":"A","age":"3","branch":"south"}
{"id":"B","code":"y"}
)");
  REQUIRE(server.request("DELETE", "/api/pets?id=GONE").status == 200);
  REQUIRE(server.stop() == 0);
  put_pets(definitions, 2);
  server.start();
  post(server, R"({"id":"A","age":4}
{"id":"N","name":"New","age":0.5,"code":"z"}
)");
  const auto database = server.database();
  REQUIRE(server.stop() == 0);
  return database;
}

constexpr int whole_log = 3 + fillers + 2 + 1 + 2;

} // namespace

TEST_CASE(
    "replay import: the export of a log whose definition has changed makes the same log and read table") {
  const temporary_folder where;
  const auto source = changed_log(where);
  const auto file = where.file("log"), again = where.file("again");
  REQUIRE(run_command(on(source, {"replay", "export", file})).code == 0);
  const auto target = migrated_database(durable_cluster());
  const auto import = on(target, {"replay", "import", file, "--entities", where.path()});
  auto dry = import;
  dry.push_back("--dry-run");
  const auto tried = run_command(dry);
  CHECK(tried.code == 0);
  // Of A two, of B two (its "12" is a text still), of GONE two.
  const std::string six = "6 of them hold values of an earlier definition: they ";
  CHECK_MESSAGE(tried.output ==
                    fmt::format("would save {} events; 0 were there already\n{}would stand in the "
                                "log as they are\nread tables that would be rebuilt at the end: "
                                "pets\nthe log is empty\n",
                                whole_log, six),
                tried.output);
  CHECK(sql(target, "SELECT count(*) FROM synclog.read_tables") == "0");
  const auto done = run_command(import);
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(done.output.find(six + "stand in the log as they are\n") != std::string::npos);
  CHECK(done.output.ends_with(fmt::format("read table pets rebuilt from the log: {} rows\n", fillers + 3)));
  CHECK(head_of(target) == head_of(source));
  CHECK(pets_of(target) == pets_of(source));
  check_verified(target);
  // No other table was made anew.
  CHECK(done.output.find("clients rebuilt") == std::string::npos);
  REQUIRE(run_command(on(target, {"replay", "export", again})).code == 0);
  CHECK(text_of(again) == text_of(file));
  // Served like any other.
  server_fixture server({.database = target, .arguments = {"--entities", where.path()}});
  CHECK(server.post("/api/pets", R"({"name":"late","code":"z"})").status == 409);
  CHECK(server.post("/api/pets", R"({"name":"late","code":"zz","age":1})").status == 201);
  CHECK(server.stop() == 0);
  check_verified(target);
}

TEST_CASE("replay import: a unique value that stood twice in the past is no clash of today") {
  const temporary_folder where;
  put_pets(where, 1);
  server_fixture server({.arguments = {"--entities", where.path()}});
  post(server, R"({"id":"A","name":"A","code":"x"}
{"id":"B","name":"B","code":"x"}
)");
  std::string many;
  for (int i = 0; i < 2'100; ++i)
    many += fmt::format("{{\"id\":\"F-{0}\",\"name\":\"F {0}\",\"code\":\"f{0}\"}}\n", i);
  post(server, many);
  post(server, R"({"id":"B","code":"y"})");
  REQUIRE(server.stop() == 0);
  put_pets(where, 2);
  server.start();
  const auto source = server.database();
  REQUIRE(server.stop() == 0);
  const auto file = where.file("log");
  REQUIRE(run_command(on(source, {"replay", "export", file})).code == 0);
  const auto target = migrated_database(durable_cluster());
  const auto done = run_command(on(target, {"replay", "import", file, "--entities", where.path()}));
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(done.output.find("earlier definition") == std::string::npos);
  CHECK(done.output.ends_with("read table pets rebuilt from the log: 2102 rows\n"));
  CHECK(head_of(target) == head_of(source));
  CHECK(pets_of(target) == pets_of(source));
  check_verified(target);
}

TEST_CASE(
    "replay import: killed and resumed under a changed definition it ends with the same log and table") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  const temporary_folder where;
  const auto source = changed_log(where);
  const auto file = where.file("log.gz");
  REQUIRE(run_command(on(source, {"replay", "export", file, "--gzip"})).code == 0);
  const auto target = migrated_database(durable_cluster());
  const auto import = on(target, {"replay", "import", file, "--entities", where.path()});
  const auto saved = [&] { return std::stoll(sql(target, "SELECT count(*) FROM synclog.events")); };
  int kills = 0;
  for (int round = 0; round < 5; ++round) {
    command_run command(import);
    const auto wanted = std::min<long long>(saved() + static_cast<long long>(random() % 3'000), whole_log);
    REQUIRE(wait_until([&] { return saved() >= wanted; }, std::chrono::minutes(1)));
    kills += command.end_by(SIGKILL) == 128 + SIGKILL ? 1 : 0;
    const auto log = run_command(on(target, {"replay", "verify", "--log-only"}));
    CHECK_MESSAGE(log.code == 0, log.output);
    // While it is behind, nobody can write into the table or be told by it that a value is free.
    if (saved() > 0 && saved() < whole_log)
      CHECK(sql(target, "SELECT count(*) FROM pg_constraint WHERE conname = 'synclog_behind_the_log'") ==
            "1");
  }
  CHECK(kills > 0);
  const auto done = run_command(import);
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(head_of(target) == head_of(source));
  CHECK(pets_of(target) == pets_of(source));
  CHECK(sql(target, "SELECT count(*) FROM pg_constraint WHERE conname = 'synclog_behind_the_log'") == "0");
  check_verified(target);
}

TEST_CASE("replay import: a stretch that ends before the correction leaves the table waiting, the next one "
          "makes it") {
  const temporary_folder where;
  const auto source = changed_log(where);
  const auto first = where.file("first"), rest = where.file("rest");
  REQUIRE(run_command(on(source, {"replay", "export", first, "--to", "3000"})).code == 0);
  REQUIRE(run_command(on(source, {"replay", "export", rest, "--from", "3001"})).code == 0);
  const auto target = migrated_database(durable_cluster());
  const auto import = [&](const std::string& file) {
    return run_command(on(target, {"replay", "import", file, "--entities", where.path()}));
  };
  const auto waits = import(first);
  CHECK(waits.code == 1);
  CHECK(waits.output.find("saved 3000 events") != std::string::npos);
  CHECK_MESSAGE(
      waits.errors.find("2 records hold a value of \"age\" that is no numeric (A: young, GONE: old)") !=
          std::string::npos,
      waits.errors);
  CHECK(waits.errors.ends_with(
      "synclog: read table pets does not hold the whole log and waits for its rebuild: the "
      "same import, synclog replay rebuild pets or the next start of a server makes it\n"));
  const auto done = import(rest);
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(head_of(target) == head_of(source));
  CHECK(pets_of(target) == pets_of(source));
  check_verified(target);
}

TEST_CASE(
    "replay import: a database of the first definition takes the rest of a log that adopted the second") {
  const temporary_folder where, old;
  const auto source = changed_log(where);
  const auto first = where.file("first"), rest = where.file("rest");
  REQUIRE(run_command(on(source, {"replay", "export", first, "--to", "3000"})).code == 0);
  REQUIRE(run_command(on(source, {"replay", "export", rest, "--from", "3001"})).code == 0);
  const auto target = migrated_database(durable_cluster());
  put_pets(old, 1);
  REQUIRE(run_command(on(target, {"replay", "import", first, "--entities", old.path()})).code == 0);
  CHECK(sql(target, "SELECT revision FROM synclog.definitions WHERE name = 'pets'") == "1");
  // By the first definition the later events are refused, with what to do.
  const auto refused = run_command(on(target, {"replay", "import", rest}));
  CHECK(refused.code == 4);
  CHECK(refused.errors.find(
            "(the export was made with revision 2 of the definition, here is revision 1: import "
            "with that of the header, by --entities)") != std::string::npos);
  const auto done = run_command(on(target, {"replay", "import", rest, "--entities", where.path()}));
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(sql(target, "SELECT revision FROM synclog.definitions WHERE name = 'pets'") == "2");
  CHECK(head_of(target) == head_of(source));
  CHECK(pets_of(target) == pets_of(source));
  check_verified(target);
}
