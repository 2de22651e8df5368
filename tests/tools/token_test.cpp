// synclog token: made, listed and revoked beside a running server, with an event each that breaks nothing
// that works on the log.
#include "command_run.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <unistd.h>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;

namespace {

struct outcome {
  int code = 0;
  std::string output, errors;
};

outcome run(const server_fixture& server, std::vector<std::string> words) {
  words.insert(words.end(), {"--database-url", server.database_url()});
  command_run command(words);
  const int code = command.wait();
  return {code, command.output(), command.errors()};
}

server_options with_tokens() {
  server_options made;
  made.arguments = {"--auth=token"};
  return made;
}

int status(const server_fixture& server, const std::string& token) {
  return server.get("/api/clients?limit=1", {{"Authorization", "Bearer " + token}}).status;
}

} // namespace

TEST_CASE("token: create prints the token alone, list never does, revoke ends it") {
  server_fixture server(with_tokens());
  const auto made = run(server, {"token", "create", "--name", "front-desk", "--role", "editor", "--branch",
                                 "north", "--branch", "south", "--expires", "90d"});
  CHECK(made.code == 0);
  REQUIRE(made.output.size() == 69);
  const auto token = made.output.substr(0, 68);
  CHECK(token.starts_with("slk_"));
  CHECK(made.errors.find("front-desk: editor, north, south, expires 20") != std::string::npos);
  CHECK(made.errors.find(token) == std::string::npos);
  CHECK(status(server, token) == 200);

  const auto listed = run(server, {"token", "list"});
  CHECK(listed.output.find("front-desk  (north, south)") != std::string::npos);
  const auto as_json = run(server, {"token", "list", "--json"});
  CHECK(as_json.output.find(
            R"("name":"front-desk","role":"editor","branches":["north","south"],"state":"live")") !=
        std::string::npos);
  for (const auto& text : {listed.output, as_json.output, server.output()})
    CHECK(text.find(token.substr(4)) == std::string::npos);
  CHECK(server.sql("SELECT count(*) FROM synclog.tokens t WHERE t::text LIKE '%" + token.substr(4) + "%'") ==
        "0");
  CHECK(server.sql("SELECT count(*) FROM synclog.events e WHERE e::text LIKE '%" + token.substr(4) + "%'") ==
        "0");

  CHECK(run(server, {"token", "revoke", "front-desk"}).code == 0);
  CHECK(wait_until([&] { return status(server, token) == 401; }, 5s));
  const auto again = run(server, {"token", "revoke", "front-desk"});
  CHECK(again.code == 1);
  CHECK(again.errors.find("token list") != std::string::npos);
  CHECK(run(server, {"token", "list"}).output.find("revoked") != std::string::npos);
}

TEST_CASE("token: what cannot be made is said, with the exit code of its kind") {
  server_fixture server(with_tokens());
  const auto code = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"token", "create"});
    return run(server, std::move(more)).code;
  };
  CHECK(code({"--name", "a", "--role", "admin"}) == 0);
  CHECK(code({"--name", "a", "--role", "viewer"}) == 1); // taken
  CHECK(code({"--name", "b", "--role", "root"}) == 2);
  CHECK(code({"--name", "b", "--role", "admin", "--branch", "north"}) == 2);
  CHECK(code({"--name", "cli:b", "--role", "viewer"}) == 2);
  CHECK(code({"--name", "b", "--role", "viewer", "--expires", "soon"}) == 2);
  CHECK(code({"--role", "viewer"}) == 2);
  CHECK(run(server, {"token"}).code == 2);
  command_run nowhere({"token", "list", "--database-url", "postgresql://127.0.0.1:1/none"});
  CHECK(nowhere.wait() == 3);
}

TEST_CASE("token: its events pass verify, rebuild, undo, tail, export and import") {
  server_fixture server;
  REQUIRE(server.post("/api/clients", R"({"id":"CLT-1","full_name":"A","branch":"north"})").status == 201);
  REQUIRE(run(server, {"token", "create", "--name", "first", "--role", "viewer"}).code == 0);
  // Beside a server that writes: the next batch goes on behind an event that is not its own.
  REQUIRE(server.post("/api/clients", R"({"id":"CLT-2","full_name":"B","branch":"north"})").status == 201);
  REQUIRE(run(server, {"token", "revoke", "first"}).code == 0);
  REQUIRE(server.post("/api/clients", R"({"id":"CLT-1","full_name":"C","branch":"north"})").status == 200);
  CHECK(run(server, {"replay", "verify"}).code == 0);
  CHECK(server.sql("SELECT count(*) FROM synclog.verify_chain()") == "0");
  const auto tail = run(server, {"replay", "tail", "--after", "0", "--no-follow"});
  CHECK(tail.code == 0);
  CHECK(tail.output.find("admin/tokens") != std::string::npos);
  const auto history = run(server, {"replay", "history", "clients", "CLT-1"});
  CHECK(history.code == 0);
  CHECK(run(server, {"replay", "rebuild"}).code == 0);
  CHECK(run(server, {"replay", "verify"}).code == 0);

  const auto file =
      (std::filesystem::temp_directory_path() / fmt::format("synclog-tokens-{}.ndjson", ::getpid())).string();
  REQUIRE(run(server, {"replay", "export", file}).code == 0);
  server_options empty;
  server_fixture copy(empty);
  const auto imported = run(copy, {"replay", "import", file});
  std::filesystem::remove(file);
  CAPTURE(imported.errors);
  CHECK(imported.code == 0);
  CHECK(run(copy, {"replay", "verify"}).code == 0);
  const std::string head = "SELECT encode(hash, 'hex') FROM synclog.events ORDER BY position DESC LIMIT 1";
  CHECK(copy.sql(head) == server.sql(head));
  // What is said of tokens makes none.
  CHECK(copy.sql("SELECT count(*) FROM synclog.tokens") == "0");

  const auto undone = run(server, {"replay", "undo", "--from", "1"});
  CAPTURE(undone.output);
  CHECK(undone.code == 0);
  CHECK(run(server, {"replay", "verify"}).code == 0);
}

TEST_CASE("serve: without tokens only loopback is listened on, and the fix is named") {
  // A database that nobody has: were it not refused, it would end all the same.
  const std::string nowhere = "postgresql://127.0.0.1:1/nowhere";
  command_run open({"serve", "--auth", "none", "--listen", "0.0.0.0:0", "--database-url", nowhere});
  CHECK(open.wait() == 2);
  CHECK(open.errors().find("--auth=token") != std::string::npos);
  command_run unset({"serve", "--listen", "0.0.0.0:0", "--database-url", nowhere});
  CHECK(unset.wait() == 2);
}
