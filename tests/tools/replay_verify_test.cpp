// `synclog replay verify` and `replay checkpoint` as child processes beside a server: what they say, how they
// end, and that every command of docs/audit.md works as it stands there.
#include "command_run.hpp"
#include "core/json.hpp"
#include "tests/support/process.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/temporary_folder.hpp"
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace synclog::tests;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
namespace json = synclog::core::json;

namespace {

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

words replay(const server_fixture& server, const char* what, const words& more = {}) {
  words made{"replay", what, "--database-url", server.database_url()};
  made.insert(made.end(), more.begin(), more.end());
  return made;
}

ended_command verify(const server_fixture& server, const words& more = {}) {
  return run_command(replay(server, "verify", more));
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

void save(const server_fixture& server, const std::string& id, const std::string& name) {
  const auto saved = server.post("/api/clients", R"({"id":")" + id + R"(","full_name":")" + name + "\"}");
  REQUIRE_MESSAGE((saved.status == 200 || saved.status == 201), saved.body);
}

// Ten events of five clients.
void save_ten(const server_fixture& server) {
  for (const char* name : {"Ada", "Bo"})
    for (int i = 1; i <= 5; ++i)
      save(server, "C-" + std::to_string(i), name);
}

void tamper(const server_fixture& server, const std::string& statements) {
  server.sql("BEGIN; ALTER TABLE synclog.events DISABLE TRIGGER append_only; " + statements +
             "; ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only; COMMIT");
}

std::string member(const std::string& object, const char* outer, const char* name = nullptr) {
  const auto parsed = json::parse(object);
  REQUIRE_MESSAGE(parsed.has_value(), object);
  const auto* found = parsed->root().find(outer);
  if (found != nullptr && name != nullptr) found = found->find(name);
  if (found == nullptr) return "";
  return found->kind == json::kind::boolean ? (found->boolean ? "true" : "false") : std::string(found->text);
}

// A key in the folder, and the checkpoint `name` signed with it.
void make_key(const temporary_folder& folder) {
  const auto made = run_command({"replay", "checkpoint", "--new-key", folder.file("key.pem")});
  REQUIRE_MESSAGE(made.code == 0, made.errors);
  write(folder.file("public.pem"), made.output);
}

void make_checkpoint(const server_fixture& server, const temporary_folder& folder, const char* name) {
  const auto made = run_command(
      replay(server, "checkpoint", {"--key", folder.file("key.pem"), "--out", folder.file(name)}));
  REQUIRE_MESSAGE(made.code == 0, made.errors);
}

// All ```sh blocks of a page, one after the other.
std::string shell_blocks(const std::string& page) {
  std::istringstream lines(text_of(page));
  std::string made, line;
  for (bool inside = false; std::getline(lines, line);) {
    if (line == "```sh" || (inside && line == "```"))
      inside = !inside;
    else if (inside)
      made += line + "\n";
  }
  return made;
}

} // namespace

TEST_CASE("replay verify: beside a running server it says what agrees, by ranges and parts too") {
  const server_fixture server;
  CHECK(contains(verify(server).output, "ok: 0 events, chain and read tables (0 rows) agree; head 0-"));
  save_ten(server);
  const auto whole = verify(server);
  CHECK(whole.code == 0);
  CHECK_MESSAGE(contains(whole.output, "ok: 10 events, chain and read tables (5 rows) agree; head 10-"),
                whole.output);
  CHECK(contains(verify(server, {"--from", "3", "--to", "7"}).output,
                 "ok: 5 events (3 to 7), the chain agrees; head 7-"));
  CHECK(contains(verify(server, {"--log-only", "--jobs", "1"}).output, "ok: 10 events, the chain agrees"));
  CHECK(contains(verify(server, {"--tables-only"}).output, "ok: read tables (5 rows) agree with the log"));
  const auto as_json = verify(server, {"--json"});
  CHECK(member(as_json.output, "ok") == "true");
  CHECK(member(as_json.output, "events") == "10");
  CHECK(member(as_json.output, "hash").size() == 64);
  CHECK(as_json.errors.empty());

  const auto beyond = verify(server, {"--to", "11"});
  CHECK(beyond.code == 4);
  CHECK(contains(beyond.output, "position 11: the log ends at 10"));
  for (const words& wrong : std::vector<words>{{"--from", "0"},
                                               {"--from", "5", "--to", "4"},
                                               {"--jobs", "0"},
                                               {"--jobs", "9"},
                                               {"--public-key", "x"},
                                               {"--log-only", "--tables-only"},
                                               {"--tables-only", "--to", "3"},
                                               {"--from", "x"},
                                               {"--since", "/nonexistent"}})
    CHECK_MESSAGE(verify(server, wrong).code == 2, wrong[0]);
}

TEST_CASE("replay verify: a difference is named in the first line, with what to do, and in JSON") {
  const server_fixture server;
  save_ten(server);
  server.sql("UPDATE public.clients SET full_name = 'Eve' WHERE id = 'C-3'");
  const auto table = verify(server);
  CHECK(table.code == 4);
  CHECK_MESSAGE(contains(table.output,
                         "position 8: read table clients, record C-3: full_name is Eve, the log says Bo\n"),
                table.output);
  CHECK(contains(table.output, "synclog replay rebuild clients"));
  const auto as_json = verify(server, {"--json"}).output;
  CHECK(member(as_json, "ok") == "false");
  CHECK(member(as_json, "difference", "position") == "8");
  CHECK(member(as_json, "difference", "kind") == "field");
  CHECK(member(as_json, "difference", "entity") == "clients");
  CHECK(member(as_json, "difference", "id") == "C-3");
  CHECK(member(as_json, "difference", "stored") == "Eve");
  CHECK(member(as_json, "difference", "computed") == "Bo");
  CHECK(contains(member(as_json, "difference", "hint"), "replay rebuild clients"));
  CHECK(verify(server, {"--log-only"}).code == 0);
  CHECK(verify(server, {"--from", "1"}).code == 0);

  tamper(server, "UPDATE synclog.events SET data = '{}' WHERE position = 4");
  const auto log = verify(server);
  CHECK(log.code == 4);
  CHECK_MESSAGE(log.output.starts_with("position 4: stored hash "), log.output);
  CHECK(contains(log.output, "computed "));
  CHECK(contains(log.output, "cannot be mended"));
  CHECK(member(verify(server, {"--json"}).output, "difference", "kind") == "hash");
  CHECK(verify(server, {"--from", "5"}).code == 0);
  CHECK(verify(server, {"--to", "3"}).code == 0);
}

TEST_CASE("replay checkpoint: a log that extends it verifies from there, and whose key it was is said") {
  const server_fixture server;
  const temporary_folder folder;
  make_key(folder);
  struct ::stat about {};
  REQUIRE(::stat(folder.file("key.pem").c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  const auto key = text_of(folder.file("key.pem"));
  CHECK(run_command({"replay", "checkpoint", "--new-key", folder.file("key.pem")}).code == 1);
  CHECK(text_of(folder.file("key.pem")) == key);

  const words by_key{"--key", folder.file("key.pem")};
  const auto empty = run_command(replay(server, "checkpoint", by_key));
  CHECK(empty.code == 1);
  CHECK(contains(empty.errors, "the log is empty"));
  save_ten(server);
  make_checkpoint(server, folder, "a.json");
  CHECK(member(text_of(folder.file("a.json")), "position") == "10");
  const auto again =
      run_command(replay(server, "checkpoint", {by_key[0], by_key[1], "--out", folder.file("a.json")}));
  CHECK(again.code == 1);
  CHECK(contains(again.errors, "is left as it is"));

  const words since{"--since", folder.file("a.json")};
  const words given{"--since", folder.file("a.json"), "--public-key", folder.file("public.pem")};
  CHECK(contains(verify(server, given).output,
                 "ok: no event after position 10, chain and read tables (5 rows) agree"));
  save(server, "C-6", "Cy");
  const auto grown = verify(server, given);
  CHECK(grown.code == 0);
  CHECK_MESSAGE(contains(grown.output, "the one that was given\nok: 1 events (11 to 11)"), grown.output);
  CHECK(contains(verify(server, since).output, "the key is the file's own"));
  CHECK(member(verify(server, {"--json", since[0], since[1]}).output, "since", "key_given") == "false");
  CHECK(contains(verify(server, {"--from", "1", since[0], since[1]}).output,
                 "ok: 11 events, the chain agrees"));

  const auto next = run_command(
      replay(server, "checkpoint",
             {by_key[0], by_key[1], since[0], since[1], "--public-key", folder.file("public.pem")}));
  CHECK(next.code == 0);
  CHECK(member(next.output, "position") == "11");
  tamper(server, "UPDATE synclog.events SET data = '{}' WHERE position = 4");
  const auto unproven = run_command(replay(server, "checkpoint", {by_key[0], by_key[1], "--verify"}));
  CHECK(unproven.code == 4);
  CHECK(unproven.output.empty());
  CHECK(contains(unproven.errors, "position 4: stored hash "));
}

TEST_CASE(
    "replay verify --since: a cut tail, another log and a forged signature are exit 4, bad files exit 2") {
  const server_fixture server;
  const temporary_folder folder;
  make_key(folder);
  save_ten(server);
  make_checkpoint(server, folder, "a.json");
  const auto fails = [&](const std::string& file, const words& more, int code, std::string_view said) {
    words all{"--since", file};
    all.insert(all.end(), more.begin(), more.end());
    const auto ran = verify(server, all);
    CHECK(ran.code == code);
    CHECK_MESSAGE(contains(code == 4 ? ran.output : ran.errors, said), ran.output << ran.errors);
  };
  const auto changed = [&](std::string_view part, std::string_view by) {
    auto text = text_of(folder.file("a.json"));
    text.replace(text.find(part), part.size(), by);
    write(folder.file("changed.json"), text);
    return folder.file("changed.json");
  };
  const words ours{"--public-key", folder.file("public.pem")};
  fails(changed("\"position\":10", "\"position\":9"), {}, 4, "position 9: checkpoint ");
  fails(changed("\"position\":10", "\"position\":9"), {}, 4, "forged or damaged");
  const temporary_folder others;
  make_key(others);
  make_checkpoint(server, others, "b.json");
  fails(others.file("b.json"), {}, 0, "");
  fails(others.file("b.json"), ours, 4, "it is not signed by key ");
  fails(changed("\"position\":10", "\"position\":-1"), {}, 2, "changed.json: is no checkpoint of synclog");
  fails(folder.file("public.pem"), {}, 2, "is no checkpoint of synclog");
  fails(folder.path(), {}, 2, "cannot be read: Is a directory");
  fails(folder.file("nothing"), {}, 2, "cannot be read: No such file");
  fails("/dev/zero", {}, 2, "neither a key nor a checkpoint");
  fails(folder.file("a.json"), {"--public-key", folder.file("key.pem")}, 2, "is a private key");
  fails(folder.file("a.json"), {"--public-key", folder.file("a.json")}, 2, "holds no public key");
  for (const char* file : {"public.pem", "a.json", "nothing"})
    CHECK(run_command(replay(server, "checkpoint", {"--key", folder.file(file)})).code == 2);

  const server_fixture other;
  save_ten(other);
  make_checkpoint(other, folder, "other.json");
  fails(folder.file("other.json"), ours, 4, "position 10: the checkpoint is of log ");

  tamper(server, "DELETE FROM synclog.events WHERE position > 7");
  CHECK(verify(server, {"--log-only"}).code == 0);
  fails(folder.file("a.json"), ours, 4, "position 8: missing: the log ends at 7, the checkpoint names 10");
}

TEST_CASE("subcommands: an answer that cannot be written is a failure, whatever the command") {
  const server_fixture server;
  const temporary_folder folder;
  make_key(folder);
  save_ten(server);
  const auto to = [&](const std::string& where, const words& arguments, bool closed = false) {
    words all = arguments;
    all.insert(all.begin(), synclog_program());
    spawn_options how;
    how.arguments = {"/bin/sh", "-c",
                     shell_words(all) + (closed ? " >&-" : " >" + where) + " 2>" + folder.file("err")};
    const auto status = wait_for_exit(spawn(how), 60s);
    REQUIRE(status.has_value());
    return WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  };
  const std::vector<words> commands{replay(server, "verify"),
                                    replay(server, "verify", {"--json"}),
                                    replay(server, "rebuild", {"visits"}),
                                    replay(server, "rebuild", {"--dry-run", "--json"}),
                                    replay(server, "checkpoint", {"--key", folder.file("key.pem")}),
                                    replay(server, "show", {"3"}),
                                    replay(server, "history", {"clients", "C-1"}),
                                    replay(server, "diff", {"1", "9"}),
                                    {"migrate", "status", "--database-url", server.database_url()},
                                    {"replay", "--help"},
                                    {"--version"}};
  for (const words& command : commands) {
    CAPTURE(shell_words(command));
    CHECK(to("/dev/full", command) != 0);
    CHECK_MESSAGE(contains(text_of(folder.file("err")), "writ"), text_of(folder.file("err")));
    CHECK(to("", command, true) != 0);
    CHECK(to("/dev/null", command) % 4 == 0); // a dry run may find something
  }
  CHECK(to("/dev/full", replay(server, "verify", {"--json"})) == 1);
  // What was found is still what was found.
  server.sql("UPDATE public.clients SET full_name = 'Eve' WHERE id = 'C-3'");
  CHECK(to("/dev/full", replay(server, "verify")) == 4);
}

TEST_CASE("replay verify and rebuild: what was written into a table is not obeyed by a terminal") {
  const server_fixture server;
  save_ten(server);
  server.sql(
      "UPDATE public.clients SET full_name = E'\\x1b[2J\\x07\\r\\u009b\\u202e\\n\\x7f' WHERE id = 'C-3'");
  const auto harmful = [](const std::string& text) {
    for (const std::string_view part : {"\x1b", "\x07", "\r", "\xc2\x9b", "\xe2\x80\xae", "\x7f"})
      if (contains(text, part)) return true;
    return false;
  };
  const auto found = verify(server);
  CHECK(found.code == 4);
  CHECK_FALSE(harmful(found.output));
  CHECK_MESSAGE(
      contains(found.output,
               "full_name is \\u001b[2J\\u0007\\u000d\\u009b\\u202e\\u000a\\u007f, the log says Bo\n"),
      found.output);
  const auto listed = run_command(replay(server, "rebuild", {"clients", "--dry-run"}));
  CHECK(listed.code == 4);
  CHECK_FALSE(harmful(listed.output));
  CHECK(contains(listed.output, "full_name is \\u001b[2J"));
  CHECK(member(verify(server, {"--json"}).output, "difference", "stored") ==
        "\x1b[2J\x07\r\xc2\x9b\xe2\x80\xae\n\x7f");
}

TEST_CASE("replay verify: a database with nothing but the log's schema is sound") {
  const std::string url = durable_cluster().conninfo(migrated_database(durable_cluster()));
  const auto ran = run_command({"replay", "verify", "--database-url", url});
  CHECK_MESSAGE(ran.code == 0, ran.output << ran.errors);
  CHECK(contains(ran.output, "clients has no read table yet, and no events: `synclog serve` makes it\n"));
  CHECK(contains(ran.output, "ok: 0 events, chain and read tables (0 rows) agree"));
}

TEST_CASE("docs/audit.md: every command works as it is printed") {
  const server_fixture server;
  const temporary_folder folder;
  save_ten(server);
  fs::create_directory_symlink(fs::path(SYNCLOG_SOURCE_DIR) / "docs", folder.file("docs"));
  const auto blocks = shell_blocks(SYNCLOG_SOURCE_DIR "/docs/audit.md");
  REQUIRE(std::count(blocks.begin(), blocks.end(), '\n') >= 15);
  write(folder.file("all.sh"), "set -eux\n" + blocks);
  const auto ran = [&] {
    spawn_options how;
    how.arguments = {"/bin/sh", "-c",
                     "cd " + folder.path() + " && DATABASE_URL=" + shell_words({server.database_url()}) +
                         " PATH=" + fs::path(synclog_program()).parent_path().string() +
                         ":$PATH sh all.sh >out 2>err"};
    const auto status = wait_for_exit(spawn(how), 120s);
    REQUIRE(status.has_value());
    return WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  };
  const int code = ran();
  REQUIRE_MESSAGE(code == 0, text_of(folder.file("err")) << text_of(folder.file("out")));
  const auto out = text_of(folder.file("out"));
  CHECK(contains(out, "Signature Verified Successfully"));
  // Of the ranges that are longer than the log: by the database's functions, and without them.
  const auto first_row = out.find("(1 row)");
  REQUIRE(first_row != std::string::npos);
  CHECK(contains(out.substr(0, first_row), " 10 | end "));
  const auto second_row = out.find("(1 row)", first_row + 1);
  REQUIRE(second_row != std::string::npos);
  CHECK(contains(out.substr(first_row, second_row - first_row), " 10 | end "));
  CHECK_FALSE(contains(out.substr(second_row + 1), "(1 row)"));
  CHECK(contains(out, "(0 rows)"));
  CHECK(contains(out,
                 "|10|" + server.sql("SELECT encode(hash, 'hex') FROM synclog.events WHERE position = 10")));

  // The SQL that trusts no function of ours finds what verify finds.
  const auto audit = [&](const std::string& range) {
    spawn_options how;
    how.arguments = {"/bin/sh", "-c",
                     "psql " + shell_words({server.database_url()}) + " -At " + range + " -f " +
                         folder.file("docs/audit-chain.sql") + " >" + folder.file("rows") + " 2>&1"};
    const auto status = wait_for_exit(spawn(how), 60s);
    REQUIRE(status.has_value());
    return text_of(folder.file("rows"));
  };
  CHECK(audit("-v first=1 -v last=10") == "SET\n");
  CHECK(audit("-v first=4 -v last=7") == "SET\n");
  CHECK(audit("-v first=1 -v last=11") == "SET\n10|end||\n");
  CHECK(audit("-v first=20 -v last=30") == "SET\n10|end||\n");
  server.sql("CREATE TABLE kept AS SELECT * FROM synclog.events");
  for (const std::string column :
       {"version = 9", "recorded_at = recorded_at + interval '1 microsecond'", "action = 'reverted'",
        "entity = 'visits'", "record_id = 'C-9'", "branch = ''", "previous_branch = ''", "hash = sha256('')",
        "salt = decode(repeat('00', 16), 'hex')", "data = '{}'", "meta = '{}'"}) {
    CAPTURE(column);
    tamper(server, "UPDATE synclog.events SET " + column + " WHERE position = 5");
    const auto found = audit("-v first=1 -v last=10");
    CHECK_MESSAGE(contains(found, "\n5|hash|"), found);
    tamper(server, "TRUNCATE synclog.events; INSERT INTO synclog.events SELECT * FROM kept");
  }
  tamper(server, "DELETE FROM synclog.events WHERE position = 5");
  CHECK(contains(audit("-v first=1 -v last=10"), "\n6|gap before it|"));
}

TEST_CASE(
    "replay verify: a record whose latest event was erased may be created anew, and the log is still good") {
  const server_fixture server;
  const auto save = [&server](const std::string& fields) {
    return server.post("/api/clients", R"({"id":"C-1",)" + fields + "}").status;
  };
  REQUIRE(save(R"("full_name":"A")") == 201);
  REQUIRE(save(R"("full_name":"B")") == 200);
  server.sql(
      "ALTER TABLE synclog.events DISABLE TRIGGER append_only; UPDATE synclog.events e SET data_hash = "
      "synclog.data_hash(e), data = NULL, salt = NULL WHERE version = 2; ALTER TABLE synclog.events ENABLE "
      "ALWAYS TRIGGER append_only; DELETE FROM public.clients");
  REQUIRE(save(R"("full_name":"C")") == 201);
  REQUIRE(save(R"("full_name":"D")") == 200);
  const std::string database = server.database_url();
  const auto verified = run_command({"replay", "verify", "--database-url", database});
  CHECK_MESSAGE(verified.code == 0, verified.output);
  const temporary_folder folder;
  const auto file = folder.file("log.ndjson");
  CHECK(run_command({"replay", "export", file, "--database-url", database}).code == 0);
  server_options other;
  const server_fixture empty(other);
  const auto imported = run_command({"replay", "import", file, "--database-url", empty.database_url()});
  CHECK_MESSAGE(imported.code == 0, imported.errors);
  // What was never erased is changed, not created.
  REQUIRE(server.post("/api/clients", R"({"id":"C-2","full_name":"A"})").status == 201);
  REQUIRE(server.post("/api/clients", R"({"id":"C-2","full_name":"B"})").status == 200);
  server.sql(
      "ALTER TABLE synclog.events DISABLE TRIGGER append_only; UPDATE synclog.events SET action = 'created' "
      "WHERE record_id = 'C-2'; ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only");
  CHECK(run_command({"replay", "verify", "--database-url", database}).code == 4);
}
