// `synclog replay export` and `import` as programs: files and pipes, kills and full disks, exit codes.
#include "command_run.hpp"
#include "tests/support/process.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/wait.hpp"
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <random>
#include <stdexcept>
#include <sys/wait.h>

using namespace synclog::tests;
namespace fs = std::filesystem;

namespace {

// A log with so many clients and an update of one, made by a server that is gone again.
std::string served_log(int clients) {
  server_fixture server;
  const http_headers ndjson{{"Content-Type", "application/x-ndjson"}};
  constexpr int a_request = 2'000; // soon answered, also on a busy machine
  for (int first = 0; first < clients; first += a_request) {
    std::string many;
    for (int i = first; i < std::min(clients, first + a_request); ++i)
      many += fmt::format("{{\"id\":\"C-{}\",\"full_name\":\"Zo\\u00eb {}\",\"branch\":\"north\"}}\n", i, i);
    REQUIRE(server.request("POST", "/api/clients", ndjson, many).status == 200);
  }
  REQUIRE(server.post("/api/clients", R"({"id":"C-0","phone":"1"})").status == 200);
  const auto database = server.database();
  REQUIRE(server.stop() == 0);
  return database;
}

words on(const std::string& database, words more) {
  more.insert(more.end(), {"--database-url", durable_cluster().url(database)});
  return more;
}

// A line for the shell; the exit code, and both streams in the file.
int shell(const std::string& line) {
  const int status = std::system(line.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string program(const words& arguments) {
  words all{synclog_program()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return shell_words(all);
}

std::string head_of(const std::string& database) {
  return durable_cluster().sql(
      database,
      "SELECT position || ' ' || encode(hash, 'hex') FROM synclog.events ORDER BY position DESC LIMIT 1");
}

void check_verified(const std::string& database) {
  const auto verified = run_command(on(database, {"replay", "verify"}));
  CHECK_MESSAGE(verified.code == 0, verified.output);
}

} // namespace

TEST_CASE("replay export, import: through a file, a compressed one and a pipe comes the same log") {
  const auto source = served_log(50);
  const auto head = head_of(source);
  const temporary_folder where;
  const auto plain = where.file("log"), packed = where.file("log.gz");

  const auto exported = run_command(on(source, {"replay", "export", plain}));
  REQUIRE_MESSAGE(exported.code == 0, exported.errors);
  CHECK(exported.errors.starts_with("exported 51 events, positions 1 to 51, "));
  REQUIRE(run_command(on(source, {"replay", "export", packed, "--gzip"})).code == 0);
  CHECK(text_of(packed).starts_with("\x1f\x8b"));
  CHECK(fs::file_size(packed) < fs::file_size(plain) / 2);

  for (const auto& file : {plain, packed}) {
    const auto target = migrated_database(durable_cluster());
    const auto tried = run_command(on(target, {"replay", "import", file, "--dry-run"}));
    CHECK(tried.code == 0);
    CHECK(tried.output == "would save 51 events; 0 were there already\nthe log is empty\n");
    CHECK(durable_cluster().sql(target, "SELECT count(*) FROM synclog.events") == "0");
    const auto imported = run_command(on(target, {"replay", "import", file}));
    REQUIRE_MESSAGE(imported.code == 0, imported.errors);
    CHECK(imported.output.find("saved 51 events; 0 were there already\n") != std::string::npos);
    CHECK(head_of(target) == head);
    check_verified(target);
    const auto again = run_command(on(target, {"replay", "import", file}));
    CHECK(again.code == 0);
    CHECK(again.output.find("saved 0 events; 51 were there already\n") != std::string::npos);
  }
  const auto target = migrated_database(durable_cluster());
  CHECK(shell(program(on(source, {"replay", "export", "-", "--gzip"})) + " 2>/dev/null | " +
              program(on(target, {"replay", "import", "-"})) + " >/dev/null") == 0);
  CHECK(head_of(target) == head);
}

TEST_CASE(
    "replay export: an existing file stays, an unwritable one and a full disk are said, nothing is left") {
  const auto source = served_log(200);
  const temporary_folder where;
  const auto file = where.file("log"), said = where.file("said");
  std::ofstream(file) << "theirs";
  const auto kept = run_command(on(source, {"replay", "export", file}));
  CHECK(kept.code == 1);
  CHECK(kept.errors == "synclog: " + file + " exists; --force replaces it\n");
  CHECK(text_of(file) == "theirs");
  CHECK(run_command(on(source, {"replay", "export", file, "--force"})).code == 0);
  CHECK(text_of(file).starts_with("{\"format\":\"synclog-log\""));
  fs::remove(file);

  CHECK(shell("ulimit -f 16; exec " + program(on(source, {"replay", "export", file})) + " 2>" + said) == 1);
  CHECK(text_of(said) == "synclog: cannot write " + file + ".part: File too large\n");
  CHECK(shell("exec " + program(on(source, {"replay", "export", "-"})) + " >/dev/full 2>" + said) == 1);
  CHECK(text_of(said) == "synclog: cannot write standard output: No space left on device\n");
  fs::remove(said);
  CHECK(where.empty());
}

TEST_CASE("replay import: a data folder without a database gets one, and the log in it") {
  const temporary_folder place;
  const std::string log = place.file("log.ndjson");
  REQUIRE(run_command(on(served_log(3), {"replay", "export", log})).code == 0);
  const std::string data = "/tmp/synclog-imported-" + std::to_string(getpid());
  command_run importing({"replay", "import", log, "--data-dir", data}, "env -u DATABASE_URL");
  CHECK(importing.wait() == 0);
  command_run verify({"replay", "verify", "--data-dir", data}, "env -u DATABASE_URL");
  CHECK(verify.wait() == 0);
  CHECK(verify.output().starts_with("ok: 4 events"));
  std::error_code ignored;
  fs::remove_all(data, ignored);
}

TEST_CASE("a mistyped subcommand is named, exit 2") {
  for (const words& mistyped : {words{"serv"}, words{"replay", "verfy"}, words{"token", "lsit"}}) {
    const auto refused = run_command(mistyped);
    CAPTURE(mistyped.back());
    CHECK(refused.code == 2);
    CHECK(refused.errors == "synclog: there is no subcommand " + mistyped.back() + "; --help lists them\n");
  }
}

TEST_CASE("replay export: Ctrl-C ends it at once and leaves a whole file or none") {
  const auto source = served_log(20'000);
  const temporary_folder where;
  const auto file = where.file("log");
  for (int round = 0; round < 3; ++round) {
    command_run command(on(source, {"replay", "export", file}));
    REQUIRE(wait_until([&] { return !where.empty(); }));
    const int code = command.end_by(SIGINT);
    if (code == 0) {
      CHECK(text_of(file).find("{\"end\":20001,") != std::string::npos);
      fs::remove(file);
    } else {
      CHECK(code == 1);
      CHECK(command.errors().ends_with("synclog: stopped; no file was written\n"));
    }
    CHECK(where.empty());
  }
  // Its reader takes one byte and no more: it waits, and still ends.
  const auto pipe = where.file("pipe"), taken = where.file("taken");
  command_run stuck(on(source, {"replay", "export", "-"}), "sh -c 'mkfifo " + pipe + "; (head -c 1 >" +
                                                               taken + "; exec sleep 20) <" + pipe +
                                                               " & exec \"$@\" >" + pipe + "' sh");
  REQUIRE(wait_until([&] { return fs::exists(taken) && fs::file_size(taken) == 1; }));
  CHECK_FALSE(wait_for_exit(stuck.pid(), std::chrono::milliseconds(500)).has_value());
  CHECK(stuck.end_by(SIGINT) == 1);
}

TEST_CASE("replay export: what does not verify is not exported, exit 4 with the place") {
  const auto source = served_log(20);
  durable_cluster().sql(source,
                        "ALTER TABLE synclog.events DISABLE TRIGGER append_only; UPDATE synclog.events "
                        "SET branch = 'south' WHERE position = 7; ALTER TABLE synclog.events ENABLE "
                        "ALWAYS TRIGGER append_only");
  const temporary_folder where;
  const auto refused = run_command(on(source, {"replay", "export", where.file("log")}));
  CHECK(refused.code == 4);
  CHECK(refused.errors.starts_with("position 7: stored hash "));
  CHECK(where.empty());
}

TEST_CASE("replay import: events without their data are counted, in a dry run too") {
  const auto source = served_log(3);
  durable_cluster().sql(
      source, "ALTER TABLE synclog.events DISABLE TRIGGER append_only; "
              "UPDATE synclog.events e SET data = NULL, salt = NULL, data_hash = synclog.data_hash(e) "
              "WHERE position IN (2, 3); "
              "ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only");
  const temporary_folder where;
  const auto file = where.file("log");
  REQUIRE(run_command(on(source, {"replay", "export", file})).code == 0);
  const std::string counted = "2 events are without their data: erased, or cut out of the file\n";
  const auto target = migrated_database(durable_cluster());
  for (const words& mode : {words{"--dry-run"}, words{}, words{}}) {
    auto command = on(target, {"replay", "import", file});
    command.insert(command.end(), mode.begin(), mode.end());
    const auto done = run_command(command);
    CHECK(done.code == 0);
    CHECK_MESSAGE(done.output.find(counted) != std::string::npos, done.output);
  }
  check_verified(target);
}

TEST_CASE("replay import: killed at random moments it goes on where it was, to the same log") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  const auto source = served_log(20'000);
  const temporary_folder where;
  const auto file = where.file("log.gz");
  REQUIRE(run_command(on(source, {"replay", "export", file, "--gzip"})).code == 0);
  const auto target = migrated_database(durable_cluster());
  int kills = 0;
  for (int round = 0; round < 8; ++round) {
    command_run command(on(target, {"replay", "import", file}));
    // So many events further, or its end.
    const auto wanted = std::stoll(durable_cluster().sql(target, "SELECT count(*) FROM synclog.events")) +
                        static_cast<long long>(random() % 5'000);
    const auto reached = [&] {
      return std::stoll(durable_cluster().sql(target, "SELECT count(*) FROM synclog.events")) >=
             std::min(wanted, 20'001LL);
    };
    REQUIRE(wait_until(reached, std::chrono::minutes(1)));
    kills += command.end_by(SIGKILL) == 128 + SIGKILL ? 1 : 0;
    check_verified(target);
  }
  CHECK(kills > 0);
  const auto done = run_command(on(target, {"replay", "import", file}));
  CHECK_MESSAGE(done.code == 0, done.errors);
  CHECK(head_of(target) == head_of(source));
  check_verified(target);
}

TEST_CASE("replay import: an edited file is refused with its line, exit 4; what cannot be read, exit 2; no "
          "database, exit 3") {
  const auto source = served_log(10);
  const temporary_folder where;
  const auto file = where.file("log");
  REQUIRE(run_command(on(source, {"replay", "export", file})).code == 0);
  auto text = text_of(file);
  text.replace(text.find("Zo\xC3\xAB 3"), 1, "S");
  std::ofstream(where.file("edited")) << text;
  const auto target = migrated_database(durable_cluster());
  const auto refused = run_command(on(target, {"replay", "import", where.file("edited")}));
  CHECK(refused.code == 4);
  CHECK(refused.errors.starts_with("synclog: line 5: position 4: its hash is "));
  CHECK(refused.output == "the log is empty\n");
  CHECK(run_command(on(target, {"replay", "import", where.file("none")})).code == 2);
  CHECK(run_command({"replay", "import", file, "--database-url", "postgresql://127.0.0.1:1/none"}).code == 3);
  CHECK(run_command(on(target, {"replay", "import"})).code == 2);
}
