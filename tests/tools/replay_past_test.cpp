// `synclog replay history | show | at | diff | undo` beside a running server: what they show is what the API
// shows.
#include "command_run.hpp"
#include "tests/http/records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <unistd.h>

using namespace synclog::tests;

namespace {

struct finished {
  int code = 0;
  words lines;
  std::string output, errors;
};

finished replay(const server_fixture& server, const words& arguments) {
  words all{"replay"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.insert(all.end(), {"--database-url", server.database_url()});
  command_run run(all);
  finished made;
  made.code = run.wait(std::chrono::seconds(60));
  made.lines = run.lines();
  made.output = run.output();
  made.errors = run.errors();
  return made;
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

void save(const server_fixture& server, const std::string& body) {
  const auto saved = server.post("/api/clients", body);
  const bool good = saved.status == 200 || saved.status == 201;
  REQUIRE_MESSAGE(good, saved.body);
}

} // namespace

TEST_CASE("replay history: who changed what and when, as the API tells it") {
  const server_fixture server;
  save(server, R"({"id":"CLT-1","full_name":"A"})");
  save(server, R"({"id":"CLT-1","phone":"1","data":{"a":"\u001b[31m"}})");
  REQUIRE(server.request("DELETE", "/api/clients/CLT-1").status == 200);
  const auto lines = replay(server, {"history", "clients", "CLT-1"});
  CHECK(lines.code == 0);
  REQUIRE(lines.lines.size() == 3);
  CHECK(lines.lines[0].starts_with("v1  #1  "));
  CHECK(holds(lines.lines[1], "updated  anonymous  /phone, /data"));
  CHECK(holds(lines.lines[2], "deleted"));
  const auto diff = replay(server, {"history", "clients", "CLT-1", "--diff"});
  CHECK(holds(diff.output, "  /phone: null → \"1\"\n"));
  CHECK(!holds(diff.output, "\x1b"));
  const auto json = replay(server, {"history", "clients", "CLT-1", "--json"});
  std::string array;
  for (const auto& line : json.lines)
    array += (array.empty() ? "[" : ",") + line;
  CHECK(array + "]" == server.get("/api/clients/CLT-1/history").body);
  CHECK(replay(server, {"history", "clients", "nobody"}).code == 1);
  const auto unknown = replay(server, {"history", "nobody", "X"});
  CHECK(unknown.code == 2);
  CHECK(holds(unknown.errors, "distributors"));
}

TEST_CASE("replay show: an event with all that enters its hash; an altered one is exit 4") {
  const server_fixture server;
  save(server, R"({"id":"CLT-1","full_name":"A"})");
  save(server, R"({"id":"CLT-2","full_name":"B"})");
  const auto shown = replay(server, {"show", "2"});
  CHECK(shown.code == 0);
  CHECK(holds(shown.output, "computed = stored"));
  CHECK(holds(shown.output, server.sql("SELECT encode(hash, 'hex') FROM synclog.events WHERE position = 1")));
  const auto json = replay(server, {"show", "1", "--json"});
  CHECK(json.code == 0);
  CHECK(at(json.output, "/computed") == at(json.output, "/stored"));
  CHECK(at(json.output, "/previous_hash") ==
        server.sql("SELECT encode(synclog.genesis_hash(log_id), 'hex') FROM synclog.log_meta"));
  CHECK(at(json.output, "/data/full_name") == "A");
  CHECK(at(json.output, "/branch") == "null");
  CHECK(replay(server, {"show", "3"}).code == 1);
  CHECK(replay(server, {"show", "0"}).code == 2);
  (void)server.sql(
      "ALTER TABLE synclog.events DISABLE TRIGGER append_only; UPDATE synclog.events SET data = "
      "replace(data::text, '\"B\"', '\"C\"')::json WHERE position = 2; ALTER TABLE synclog.events ENABLE "
      "ALWAYS TRIGGER append_only");
  const auto altered = replay(server, {"show", "2"});
  CHECK(altered.code == 4);
  CHECK(holds(altered.output, "altered"));
}

TEST_CASE("replay at: the entity as it was, as the API lists it") {
  const server_fixture server;
  for (const char* id : {"C", "A", "B"})
    save(server, std::string(R"({"id":")") + id + R"(","full_name":"one"})");
  const auto cursor = server.get("/api/clients").header("sync-position");
  const auto list = server.get("/api/clients?sort=id").body;
  const auto csv = server.get("/api/clients?sort=id", {{"Accept", "text/csv"}}).body;
  save(server, R"({"id":"B","full_name":"two"})");
  REQUIRE(server.request("DELETE", "/api/clients/A").status == 200);
  save(server, R"({"id":"D","full_name":"new"})");
  CHECK(replay(server, {"at", cursor, "clients", "--json"}).output == list + "\n");
  CHECK(replay(server, {"at", "3", "clients", "--csv"}).output == csv);
  const auto lines = replay(server, {"at", "3", "clients"});
  CHECK(lines.lines.size() == 3);
  CHECK(holds(lines.errors, "3 records of clients at " + cursor));
  CHECK(replay(server, {"at", "2100-01-01T00:00:00Z", "clients", "--json"}).output ==
        server.get("/api/clients?sort=id").body + "\n");
  CHECK(replay(server, {"at", "0", "clients", "--json"}).output == "[]\n");
  CHECK(replay(server, {"at", "3-00000000", "clients"}).code == 4);
  CHECK(replay(server, {"at", "77", "clients"}).code == 4);
  CHECK(replay(server, {"at", "yesterday", "clients"}).code == 2);
  CHECK(replay(server, {"at", "3", "nobody"}).code == 2);
  CHECK(replay(server, {"at", "3", "clients", "--csv", "--json"}).code == 2);
}

TEST_CASE("replay diff: created, updated and deleted between two moments, and nothing of what came back") {
  const server_fixture server;
  save(server, R"({"id":"A","full_name":"one"})");
  save(server, R"({"id":"B","full_name":"one"})");
  save(server, R"({"id":"C","full_name":"one"})");
  save(server, R"({"id":"A","full_name":"two"})");
  REQUIRE(server.request("DELETE", "/api/clients/B").status == 200);
  save(server, R"({"id":"D","full_name":"new"})");
  save(server, R"({"id":"C","full_name":"two"})");
  save(server, R"({"id":"C","full_name":"one"})");
  save(server, R"({"id":"E","full_name":"short"})");
  REQUIRE(server.request("DELETE", "/api/clients/E").status == 200);
  REQUIRE(server.post("/api/visits", R"({"id":"V","visit_date":"2026-11-23"})").status == 201);
  const auto lines = replay(server, {"diff", "3", "2100-01-01T00:00:00Z", "--entity", "clients"});
  CHECK(lines.code == 0);
  CHECK(lines.output == "updated  clients  A  v1 → v2\n  /full_name: \"one\" → \"two\"\n"
                        "deleted  clients  B  v1 → -\n  /full_name: \"one\" → -\n"
                        "created  clients  D  - → v1\n  /full_name: - → \"new\"\n");
  CHECK(holds(lines.errors, "3 records differ"));
  const auto json = replay(server, {"diff", "3", "11", "--json"});
  REQUIRE(json.lines.size() == 4);
  CHECK(at(json.lines[0], "/changes") == R"([{"path":"/full_name","from":"one","to":"two"}])");
  CHECK(at(json.lines[1], "/to_version") == "null");
  CHECK(at(json.lines[3], "/entity") == "visits");
  CHECK(replay(server, {"diff", "5", "3"}).code == 2);
  CHECK(replay(server, {"diff", "3", "99"}).code == 4);
  CHECK(replay(server, {"diff", "3", "4", "--entity", "nobody"}).code == 2);
}

TEST_CASE(
    "replay undo: a bad import is undone beside the running server, and what others changed since stays") {
  const server_fixture server;
  save(server, R"({"id":"A","full_name":"one"})");
  save(server, R"({"id":"B","full_name":"one"})");
  const auto import = server.post(
      "/api/clients",
      R"([{"id":"A","full_name":"bad"},{"id":"B","full_name":"bad"},{"id":"N","full_name":"bad"}])");
  REQUIRE(import.status == 200);
  const auto request = import.header("x-request-id");
  REQUIRE(!request.empty());
  save(server, R"({"id":"B","phone":"later"})");
  const auto events = server.event_count();

  const auto dry = replay(server, {"undo", "--request", request, "--dry-run"});
  CHECK(dry.code == 4);
  CHECK(server.event_count() == events);
  CHECK(holds(dry.output, "would undo  clients  N  v1 → deleted\n"));
  CHECK(holds(dry.output, "would undo  clients  A  v2 → as v1\n  /full_name: \"bad\" → \"one\"\n"));
  CHECK(holds(dry.output, "conflict  clients  B"));

  const auto done = replay(server, {"undo", "--request", request, "--as", "auditor"});
  CHECK(done.code == 4);
  CHECK(holds(done.output, "2 undone, 0 with nothing to do, 1 conflicts, 0 refused"));
  CHECK(server.event_count() == events + 2);
  CHECK(at(server.get("/api/clients/A").body, "/full_name") == "one");
  CHECK(server.get("/api/clients/N").status == 404);
  CHECK(at(server.get("/api/clients/A/history").body, "/2/action") == "reverted");
  CHECK(at(server.get("/api/clients/A/history").body, "/2/actor") == "auditor");

  const auto again = replay(server, {"undo", "--request", request, "--json"});
  CHECK(again.code == 4);
  CHECK(server.event_count() == events + 2);
  CHECK(at(again.lines.back(), "/nothing") == "2");
  const auto forced = replay(server, {"undo", "--request", request, "--force"});
  CHECK(forced.code == 0);
  CHECK(at(server.get("/api/clients/B").body, "/full_name") == "one");
  CHECK(at(server.get("/api/clients/B").body, "/phone") == "null");
  CHECK(replay(server, {"verify"}).code == 0);
}

TEST_CASE("replay undo: bad arguments") {
  const server_fixture server;
  CHECK(replay(server, {"undo"}).code == 2);
  CHECK(replay(server, {"undo", "--entity", "clients"}).code == 2);
  CHECK(replay(server, {"undo", "--from", "5", "--to", "3"}).code == 2);
  CHECK(replay(server, {"undo", "--from", "0"}).code == 2);
  CHECK(replay(server, {"undo", "--actor", "X", "--entity", "nobody"}).code == 2);
  CHECK(replay(server, {"undo", "--actor", "X", "--as-request", "a b"}).code == 2);
  CHECK(replay(server, {"undo", "--from", "9999999999999999999999"}).code == 2);
}

TEST_CASE("replay undo: a selection that matches nothing is not one that is undone already") {
  const server_fixture server;
  save(server, R"({"id":"A","full_name":"one"})");
  const auto nothing = replay(server, {"undo", "--actor", "nobody"});
  CHECK(nothing.code == 1);
  CHECK(nothing.errors == "synclog: no event matches\n");
  CHECK(replay(server, {"undo", "--actor", "anonymous", "--as-request", "u-1"}).code == 0);
  CHECK(server.sql("SELECT meta->>'request_id' FROM synclog.events WHERE position = 2") == "u-1");
  const auto again = replay(server, {"undo", "--actor", "anonymous"});
  CHECK(again.code == 0);
  CHECK(holds(again.output, "0 undone, 1 with nothing to do"));
}

TEST_CASE("replay undo: stopped by Ctrl-C it says what is done, what is left, and how to go on") {
  const server_fixture server;
  constexpr int records = 20'000;
  for (int first = 0; first < records; first += 5'000) {
    std::string many;
    for (int i = first; i < first + 5'000; ++i)
      many += "{\"id\":\"C-" + std::to_string(i) + "\",\"full_name\":\"N\"}\n";
    REQUIRE(server.request("POST", "/api/clients", {{"Content-Type", "application/x-ndjson"}}, many).status ==
            200);
  }
  command_run run({"replay", "undo", "--actor", "anonymous", "--database-url", server.database_url()});
  REQUIRE(wait_until([&] { return server.event_count() > records; }));
  CHECK(run.end_by(SIGINT) == 1);
  const auto undone = server.event_count() - records;
  REQUIRE(undone < records);
  CHECK(holds(run.output(), std::to_string(undone) +
                                " undone, 0 with nothing to do, 0 conflicts, 0 refused, " +
                                std::to_string(records - undone) + " left; to undo this: --request undo-"));
  const auto request =
      server.sql("SELECT meta->>'request_id' FROM synclog.events ORDER BY position DESC LIMIT 1");
  CHECK(run.errors().ends_with("synclog: stopped; to go on: synclog replay undo --actor anonymous --to 20000 "
                               "--as undo --as-request " +
                               request + "  (with the same --database-url or DATABASE_URL)\n"));
  CHECK(replay(server,
               {"undo", "--actor", "anonymous", "--to", "20000", "--as", "undo", "--as-request", request})
            .code == 0);
  CHECK(server.event_count() == 2 * records);
  CHECK(server.sql("SELECT count(DISTINCT meta->>'request_id') FROM synclog.events WHERE position > 20000") ==
        "1");
}

TEST_CASE("replay show: a position beyond all numbers is a usage error, in one line") {
  const server_fixture server;
  const auto shown = replay(server, {"show", "9999999999999999999999"});
  CHECK(shown.code == 2);
  CHECK(holds(shown.errors, "'9999999999999999999999' is no whole number from 1 to 9223372036854775807"));
  CHECK(shown.errors.size() < 300);
  CHECK(replay(server, {"verify", "--from", "9999999999999999999999"}).code == 2);
  CHECK(replay(server, {"export", "-", "--to", "0"}).code == 2);
}

TEST_CASE("what only looks makes no database in a mistyped folder") {
  const std::string folder = "/tmp/synclog-no-such-" + std::to_string(getpid());
  for (const words& command :
       {words{"replay", "verify"}, words{"replay", "history", "clients", "A"}, words{"replay", "show", "1"},
        words{"replay", "at", "1", "clients"}, words{"replay", "diff", "0", "1"},
        words{"replay", "tail", "--no-follow"}, words{"replay", "export", "-"}, words{"replay", "rebuild"},
        words{"replay", "undo", "--actor", "a"}, words{"migrate", "status"}, words{"migrate", "verify"}}) {
    auto all = command;
    all.insert(all.end(), {"--data-dir", folder});
    command_run run(all, "env -u DATABASE_URL");
    CAPTURE(shell_words(command));
    CHECK(run.wait() == 3);
    CHECK(holds(run.errors(), "synclog: there is no database in " + folder + ": "));
    CHECK_FALSE(std::filesystem::exists(folder));
  }
}
