// `synclog replay tail` beside a running server: what it shows is what the API shows, and it never loses an
// event.
#include "eventstore/head_lock.hpp"
#include "fault/serving.hpp"
#include "tail_run.hpp"
#include "tests/support/process.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <libpq-fe.h>
#include <memory>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace synclog::tests;
using namespace std::chrono_literals;

namespace {

using words = std::vector<std::string>;

words on(const server_fixture& server, const words& more) {
  words made{"--database-url", server.database_url()};
  made.insert(made.end(), more.begin(), more.end());
  return made;
}

void save(const server_fixture& server, const std::string& entity, const std::string& body) {
  const auto saved = server.post("/api/" + entity, body);
  const bool good = saved.status == 200 || saved.status == 201;
  REQUIRE_MESSAGE(good, saved.body);
}

void save_client(const server_fixture& server, const std::string& id, const std::string& branch = "north") {
  save(server, "clients", R"({"id":")" + id + R"(","full_name":"A","branch":")" + branch + "\"}");
}

// Two resources, three branches, moves, updates and deletes.
void save_mixed(const server_fixture& server) {
  save_client(server, "C-1", "north");
  save_client(server, "C-2", "south");
  save(server, "visits", R"({"id":"V-1","visit_date":"2026-11-23","branch":"north"})");
  save(server, "clients", R"({"id":"C-1","phone":"0812345","city":"Old Town"})");
  save(server, "clients", R"({"id":"C-2","branch":"north"})");
  save(server, "visits", R"({"id":"V-2","visit_date":"2026-11-23"})");
  REQUIRE(server.request("DELETE", "/api/clients?id=C-1").status == 200);
  save_client(server, "C-3", "west");
  save_client(server, "C-1", "south");
}

void save_more_than_a_pipe_holds(const server_fixture& server) {
  std::string many;
  for (int i = 0; i < 1'000; ++i)
    many += "{\"full_name\":\"A\",\"branch\":\"north\"}\n";
  const http_headers ndjson{{"Content-Type", "application/x-ndjson"}};
  REQUIRE(server.request("POST", "/api/clients", ndjson, many).status == 200);
}

// The array that the page holds when the lines are its items.
std::string as_array(const words& lines) {
  std::string made = "[";
  for (const auto& line : lines)
    made += (made.size() > 1 ? "," : "") + line;
  return made + "]";
}

std::string head_of(const server_fixture& server) {
  return server.get("/api/events?after=0&limit=10000").header("sync-position");
}

std::size_t count_of(std::string_view part, const std::string& text) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++found;
  return found;
}

} // namespace

TEST_CASE("tail: --json writes the bytes of the API's envelopes, for every filter") {
  const server_fixture server;
  save_mixed(server);
  struct question {
    std::string query;
    words options;
  };
  const std::vector<question> questions{
      {"", {}},
      {"&resource=clients", {"--resource", "clients"}},
      {"&resource=clients&resource=visits", {"--resource", "clients", "--resource", "visits"}},
      {"&branch=south", {"--branch", "south"}},
      {"&branch=south&branch=west", {"--branch", "south", "--branch", "west"}},
      {"&id=C-2&id=V-1", {"--id", "C-2", "--id", "V-1"}},
      {"&action=deleted", {"--action", "deleted"}},
      {"&action=updated&resource=clients&branch=north",
       {"--action", "updated", "--resource", "clients", "--branch", "north"}},
      {"&id=nobody", {"--id", "nobody"}},
  };
  for (const auto& [query, options] : questions) {
    CAPTURE(query);
    for (const std::string after : {"0", "3"}) {
      const auto page = server.get("/api/events?after=" + after + "&limit=1000" + query);
      REQUIRE(page.status == 200);
      words arguments{"--no-follow", "--json", "--after", after};
      arguments.insert(arguments.end(), options.begin(), options.end());
      tail_run tail(on(server, arguments));
      CHECK(tail.wait() == 0);
      CHECK(as_array(tail.lines()) == page.body);
      CHECK(tail.errors() == "");
    }
  }
}

TEST_CASE("tail: --after takes positions and cursors, and refuses what is not of this history") {
  const server_fixture server;
  save_mixed(server);
  const auto from_third = server.get("/api/events?after=0&limit=3");
  const auto cursor = from_third.header("sync-position");
  REQUIRE(cursor.starts_with("3-"));
  const auto rest = server.get("/api/events?limit=1000&after=" + cursor).body;
  for (const std::string& after : {cursor, std::string("3")}) {
    tail_run tail(on(server, {"--no-follow", "--json", "--after", after}));
    CHECK(tail.wait() == 0);
    CHECK(as_array(tail.lines()) == rest);
  }
  tail_run whole(on(server, {"--no-follow", "--json"}));
  CHECK(whole.wait() == 0);
  CHECK(as_array(whole.lines()) == server.get("/api/events?after=0&limit=1000").body);
  const auto head = head_of(server);
  tail_run at_head(on(server, {"--no-follow", "--after", head}));
  CHECK(at_head.wait() == 0);
  CHECK(at_head.lines().empty());

  tail_run other(on(server, {"--after", "3-00000000"}));
  CHECK(other.wait() == 4);
  CHECK(other.lines().empty());
  CHECK(other.errors() ==
        "synclog: --after: this cursor belongs to another history; its head is " + head + "\n");
  for (const char* after : {"77", "77-12345678"}) {
    tail_run beyond(on(server, {"--after", after}));
    CHECK(beyond.wait() == 4);
    CHECK(beyond.errors() == "synclog: --after: the log does not reach that far; its head is " + head + "\n");
  }
}

TEST_CASE("tail: live events of a running server arrive, until a signal ends it") {
  const server_fixture server;
  save_client(server, "C-1");
  const auto start = head_of(server);
  for (const int signal : {SIGINT, SIGTERM}) {
    CAPTURE(signal);
    tail_run tail(on(server, {"--json", "--after", start}));
    tail_run lines(on(server, {"--after", start}));
    const auto already = static_cast<std::size_t>(server.event_count() - 1);
    REQUIRE(tail.reaches(already));
    for (int i = 0; i < 20; ++i)
      save_client(server, "C-" + std::to_string(signal) + "-" + std::to_string(i));
    REQUIRE(tail.reaches(already + 20));
    REQUIRE(lines.reaches(already + 20));
    CHECK(as_array(tail.lines()) == server.get("/api/events?limit=1000&after=" + start).body);
    CHECK(tail.end_by(signal) == 0);
    CHECK(lines.end_by(signal) == 0);
    CHECK(tail.errors() == "");
  }
}

TEST_CASE("tail: without --after it starts now") {
  const server_fixture server;
  save_client(server, "C-1");
  tail_run tail(on(server, {"--json"}));
  // It stands at the head once its listener listens: what is saved from here on, it must show.
  REQUIRE(wait_until([&] {
    return server.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                      "application_name = 'synclog replay tail' AND state = 'idle' AND (query ILIKE "
                      "'LISTEN%' OR query ILIKE "
                      "'%events%')") == "2";
  }));
  save_client(server, "C-2");
  REQUIRE(tail.reaches(1));
  CHECK(as_array(tail.lines()) == server.get("/api/events?after=1").body);
  CHECK(tail.end_by(SIGINT) == 0);
}

TEST_CASE("tail: --limit ends it after that many events, shown ones, old and new") {
  const server_fixture server;
  save_mixed(server);
  tail_run old(on(server, {"--json", "--after", "0", "--limit", "2", "--branch", "north"}));
  CHECK(old.wait() == 0);
  CHECK(as_array(old.lines()) == server.get("/api/events?after=0&branch=north&limit=2").body);
  tail_run live(on(server, {"--json", "--after", head_of(server), "--limit", "1", "--resource", "visits"}));
  save_client(server, "C-9");
  save(server, "visits", R"({"id":"V-9","visit_date":"2026-11-23"})");
  save(server, "visits", R"({"id":"V-10","visit_date":"2026-11-23"})");
  CHECK(live.wait() == 0);
  REQUIRE(live.lines().size() == 1);
  CHECK(live.lines()[0].find("V-9") != std::string::npos);
}

TEST_CASE("tail: a line says what happened, and which fields changed") {
  const server_fixture server;
  save_mixed(server);
  tail_run tail(on(server, {"--no-follow"}), "env TZ=UTC");
  CHECK(tail.wait() == 0);
  const auto lines = tail.lines();
  REQUIRE(lines.size() == 9);
  const auto ends = [&lines](std::size_t index, const char* end) {
    INFO(lines[index]);
    return lines[index].ends_with(end);
  };
  CHECK(ends(0, "       1  created   clients                C-1  v1  north  anonymous"));
  CHECK(ends(3, "       4  updated   clients                C-1  v2  north  anonymous  phone, city"));
  CHECK(ends(4, "       5  updated   clients                C-2  v2  south → north  anonymous  branch"));
  CHECK(ends(5, "       6  created   visits                 V-2  v1  -  anonymous"));
  CHECK(ends(6, "       7  deleted   clients                C-1  v3  north  anonymous"));
  CHECK(ends(8, "       9  created   clients                C-1  v4  south  anonymous"));
  const auto recorded =
      server.sql("SELECT to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS') "
                 "FROM synclog.events WHERE position = 1");
  CHECK(lines[0].starts_with(recorded + " "));
  // The version before has not passed by: it is read.
  tail_run later(on(server, {"--no-follow", "--after", "3", "--limit", "1"}));
  CHECK(later.wait() == 0);
  REQUIRE(later.lines().size() == 1);
  CHECK(later.lines()[0].ends_with("  phone, city"));
}

TEST_CASE("tail: what a record holds cannot command the terminal") {
  const server_fixture server;
  save(server, "clients",
       R"({"id":"C-\u202e1","full_name":"A","branch":"x\u001b]0;owned\u0007\ny\u009b31m"})");
  tail_run tail(on(server, {"--no-follow"}));
  CHECK(tail.wait() == 0);
  REQUIRE(tail.lines().size() == 1);
  const auto line = tail.lines().at(0);
  CHECK(line.find(R"(x\u001b]0;owned\u0007\u000ay\u009b31m)") != std::string::npos);
  CHECK(line.find(R"(C-\u202e1)") != std::string::npos);
}

TEST_CASE("tail: colours on a terminal only, and not with NO_COLOR") {
  const server_fixture server;
  save_client(server, "C-1");
  const auto on_terminal = [&server](const std::string& before, const words& more) {
    const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE(terminal >= 0);
    REQUIRE(::grantpt(terminal) == 0);
    REQUIRE(::unlockpt(terminal) == 0);
    words arguments{"--no-follow"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    words all{synclog_program(), "replay", "tail"};
    const auto rest = on(server, arguments);
    all.insert(all.end(), rest.begin(), rest.end());
    const auto command =
        "exec env -u NO_COLOR TERM=xterm " + before + " " + shell_words(all) + " >" + ::ptsname(terminal);
    CHECK(std::system(command.c_str()) == 0);
    std::string text(4'096, '\0');
    const auto got = ::read(terminal, text.data(), text.size());
    ::close(terminal);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  };
  CHECK(on_terminal("", {}).find("\033[32mcreated") != std::string::npos);
  CHECK(on_terminal("NO_COLOR=1", {}).find('\033') == std::string::npos);
  CHECK(on_terminal("NO_COLOR=", {}).find('\033') != std::string::npos);
  CHECK(on_terminal("TERM=dumb", {}).find('\033') == std::string::npos);
  CHECK(on_terminal("", {"--json"}).find('\033') == std::string::npos);
  tail_run piped(on(server, {"--no-follow"}));
  CHECK(piped.wait() == 0);
  CHECK(piped.lines().at(0).find('\033') == std::string::npos);
}

TEST_CASE("tail: a reader that leaves ends it with 0, in the middle of much and while nothing happens") {
  const server_fixture server;
  save_client(server, "C-1");
  const auto code_when_left = [&server](const words& options) {
    words all{"timeout", "30", synclog_program(), "replay", "tail"};
    const auto rest = on(server, options);
    all.insert(all.end(), rest.begin(), rest.end());
    const auto path = "/tmp/synclog-tail-code-" + std::to_string(::getpid());
    const auto script = "{ " + shell_words(all) + "; echo $? >" + path + "; } | head -n 1 >/dev/null";
    CHECK(std::system(script.c_str()) == 0);
    std::ifstream file(path);
    std::string code;
    std::getline(file, code);
    std::remove(path.c_str());
    return code;
  };
  CHECK(code_when_left({"--after", "0"}) == "0");
  save_more_than_a_pipe_holds(server);
  CHECK(code_when_left({"--after", "0", "--json"}) == "0");
}

TEST_CASE("tail: a signal ends it while its reader takes nothing") {
  const server_fixture server;
  save_more_than_a_pipe_holds(server);
  const auto path = "/tmp/synclog-tail-pipe-" + std::to_string(::getpid());
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  spawn_options how;
  how.arguments = {synclog_program(), "replay", "tail"};
  const auto rest = on(server, {"--after", "0", "--json"});
  how.arguments.insert(how.arguments.end(), rest.begin(), rest.end());
  how.log_path = path;
  const auto tail = spawn(how);
  const int capacity = ::fcntl(reader, F_GETPIPE_SZ);
  const bool full = wait_until([&] {
    int held = 0;
    return ::ioctl(reader, FIONREAD, &held) == 0 && held > capacity / 2;
  });
  CHECK(full);
  std::remove(path.c_str());
  ::kill(tail, SIGINT);
  const auto status = wait_for_exit(tail, 10s);
  REQUIRE(status);
  CHECK(WIFEXITED(*status));
  CHECK(WEXITSTATUS(*status) == 0);
  ::close(reader);
}

TEST_CASE("tail: it needs no lock that writers take") {
  const server_fixture server;
  save_client(server, "C-1");
  const std::unique_ptr<PGconn, decltype(&PQfinish)> writer(PQconnectdb(server.database_url().c_str()),
                                                            &PQfinish);
  const auto lock = "SELECT pg_advisory_lock(" + std::to_string(synclog::eventstore::head_lock_key) + ")";
  PQclear(PQexec(writer.get(), "BEGIN"));
  PQclear(PQexec(writer.get(), "LOCK TABLE synclog.events IN SHARE ROW EXCLUSIVE MODE"));
  PQclear(PQexec(writer.get(), lock.c_str()));
  REQUIRE(PQtransactionStatus(writer.get()) == PQTRANS_INTRANS);
  tail_run tail(on(server, {"--no-follow", "--json"}));
  CHECK(tail.wait() == 0);
  CHECK(tail.lines().size() == 1);
}

TEST_CASE("tail: the database goes away and comes back, and no event is lost or shown twice") {
  test_cluster cluster({.durable = true, .tcp = false, .settings = {}});
  server_options options;
  options.cluster = &cluster;
  const server_fixture server(options);
  save_client(server, "C-0");
  tail_run tail(on(server, {"--json", "--after", "0"}));
  tail_run lines(on(server, {"--after", "0"}));
  REQUIRE(tail.reaches(1));
  REQUIRE(lines.reaches(1));
  std::size_t outages = 0;
  for (const bool hard : {false, true, false}) {
    CAPTURE(hard);
    hard ? cluster.kill9() : cluster.stop();
    ++outages;
    REQUIRE(wait_until([&] { return count_of("is lost; reconnecting\n", tail.errors()) == outages; }));
    cluster.start();
    REQUIRE(wait_until([&] { return server.get("/readyz").status == 200; }));
    for (int i = 0; i < 30; ++i)
      save_client(server, "C-" + std::to_string(outages) + "-" + std::to_string(i));
    const auto events = static_cast<std::size_t>(server.event_count());
    REQUIRE(tail.reaches(events));
    REQUIRE(lines.reaches(events));
    CHECK(as_array(tail.lines()) == server.get("/api/events?after=0&limit=1000").body);
    CHECK(lines.lines().size() == events);
  }
  CHECK(tail.end_by(SIGINT) == 0);
  CHECK(lines.end_by(SIGTERM) == 0);
  CHECK(count_of("\n", tail.errors()) == 2 * outages);
  CHECK(count_of("synclog: connected again\n", tail.errors()) == outages);
}

TEST_CASE("tail: a signal ends it while the database is away") {
  test_cluster cluster({.durable = true, .tcp = false, .settings = {}});
  server_options options;
  options.cluster = &cluster;
  const server_fixture server(options);
  save_client(server, "C-1");
  tail_run tail(on(server, {"--after", "0"}));
  REQUIRE(tail.reaches(1));
  cluster.stop();
  REQUIRE(wait_until([&] { return tail.errors().find("is lost") != std::string::npos; }));
  const auto asked = std::chrono::steady_clock::now();
  CHECK(tail.end_by(SIGINT) == 0);
  CHECK(std::chrono::steady_clock::now() - asked < 5s); // no read's deadline is waited for
}

TEST_CASE("tail: a database that comes back with another history ends it with 4") {
  // As if it had been restored from a backup without the last event; once another took its place.
  for (const bool replaced : {false, true}) {
    CAPTURE(replaced);
    const server_fixture server;
    save_client(server, "C-1");
    save_client(server, "C-2");
    tail_run tail(on(server, {"--after", "0"}));
    REQUIRE(tail.reaches(2));
    server.sql("ALTER TABLE synclog.events DISABLE TRIGGER append_only;"
               "DELETE FROM synclog.events WHERE position = 2");
    if (replaced) {
      save_client(server, "C-3");
      REQUIRE(server.event_count() == 2);
    }
    server.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
        "application_name = 'synclog replay tail'");
    CHECK(tail.wait() == 4);
    CHECK(tail.lines().size() == 2);
    CHECK(tail.errors().find("the database came back with another history") != std::string::npos);
  }
}

TEST_CASE("tail: bad arguments exit 2 and say why, an unreachable database 3, one without a log 1") {
  const auto url = server_fixture::shared().database_url();
  const std::vector<std::pair<words, std::string>> wrong{
      {{"--after", "nonsense"}, "--after"},
      {{"--after", "-1"}, "--after"},
      {{"--after", ""}, "--after"},
      {{"--after", "1-2"}, "--after"},
      {{"--action", "invented"}, "--action"},
      {{"--resource", "orders"}, "known: appointments, "},
      {{"--limit", "0"}, "--limit"},
      {{"--limit", "many"}, "--limit"},
      {{"--sideways"}, "--sideways"},
      {{"word"}, "word"},
      {{"--branch"}, "--branch"},
  };
  for (const auto& [arguments, said] : wrong) {
    CAPTURE(shell_words(arguments));
    words all{"--database-url", url, "--no-follow"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    tail_run tail(all);
    CHECK(tail.wait() == 2);
    CHECK(tail.errors().find(said) != std::string::npos);
    CHECK(tail.lines().empty());
  }
  tail_run unreachable({"--database-url", "postgresql://nobody@127.0.0.1:1/none"});
  CHECK(unreachable.wait() == 3);
  CHECK(unreachable.errors().starts_with("synclog: "));
  const auto empty = durable_cluster().fresh_database();
  tail_run without_log({"--database-url", durable_cluster().url(empty)});
  CHECK(without_log.wait() == 1);
  CHECK(without_log.errors() == "synclog: the database's schema is missing; fix: run `synclog migrate up`\n");
}

TEST_CASE("tail: --data-dir follows the private database of a running server") {
  fault::serving_options options;
  options.program = synclog_program();
  fault::serving server(options);
  server.start();
  const auto save = [&server](const std::string& id) {
    return http_client(server.port())
        .request("POST", "/api/clients", {{"Content-Type", "application/json"}},
                 R"({"id":")" + id + R"(","full_name":"A"})")
        .status;
  };
  REQUIRE(save("C-1") == 201);
  tail_run tail({"--data-dir", server.data_dir(), "--json", "--after", "0"});
  REQUIRE(tail.reaches(1));
  REQUIRE(save("C-2") == 201);
  REQUIRE(tail.reaches(2));
  CHECK(tail.end_by(SIGINT) == 0);
  CHECK(save("C-3") == 201); // the cluster is the server's: it runs on
}
