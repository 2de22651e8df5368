// The admin routes over a real server.
#include "core/checkpoint.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "records_support.hpp"
#include "tests/support/process.hpp"
#include "tests/support/server_fixture.hpp"
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/wait.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

const http_headers stream{{"Accept", "text/event-stream"}};

http_headers named(const std::string& request_id) {
  return {{"X-Request-Id", request_id}};
}

std::string client(const std::string& id, const std::string& name, const std::string& branch) {
  return R"({"id":")" + id + R"(","full_name":")" + name + R"(","branch":")" + branch + "\"}";
}

// The last event of a stream that ends by itself; how many came before it.
sse_event last_event(const server_fixture& server, std::string_view method, std::string_view target,
                     const http_headers& headers, std::string_view body, int& before) {
  auto connection = server.connect();
  connection.send_request(method, target, headers, body);
  sse_reader events(connection);
  sse_event last;
  before = -1;
  while (auto next = events.next()) {
    last = *next;
    ++before;
  }
  return last;
}

std::string next_of(const http_reply& page) {
  const std::string link(page.header("link"));
  const auto end = link.find('>');
  return end == std::string::npos ? std::string() : link.substr(1, end - 1);
}

// A file with a private key, gone with the object.
struct key_file {
  core::private_key key = core::private_key::make();
  std::string path = (std::filesystem::temp_directory_path() / "synclog-key-XXXXXX").string();
  key_file() {
    REQUIRE(::mkstemp(path.data()) >= 0);
    std::ofstream(path) << key.pem();
  }
  ~key_file() { std::filesystem::remove(path); }
};

} // namespace

TEST_CASE("admin: the overview counts events a minute and records a branch, and names the head") {
  const server_fixture server;
  const auto empty = server.get("/api/admin/overview");
  REQUIRE_MESSAGE(empty.status == 200, empty.body);
  CHECK(at(empty.body, "/head/position") == "0");
  CHECK(at(empty.body, "/head/recorded_at") == "null");
  CHECK(size_at(empty.body, "/minutes") == 0);
  CHECK(empty.header("cache-control") == "no-store");
  for (int i = 0; i < 5; ++i) {
    const std::string branch = i < 3 ? "north" : "";
    REQUIRE(server.post("/api/clients", client("C-" + std::to_string(i), "A", branch)).status == 201);
  }
  REQUIRE(server.request("DELETE", "/api/clients/C-0").status == 200);
  server_fixture second({.cluster = &server.cluster(), .database = server.database()});
  const auto got = second.get("/api/admin/overview");
  REQUIRE_MESSAGE(got.status == 200, got.body);
  CHECK(at(got.body, "/head/position") == "6");
  CHECK(at(got.body, "/head/cursor").starts_with("6-"));
  int events = 0;
  for (std::size_t i = 0; i < size_at(got.body, "/minutes"); ++i)
    events += std::stoi(at(got.body, "/minutes/" + std::to_string(i) + "/events"));
  CHECK(events == 6);
  CHECK(size_at(got.body, "/entities") == 8);
  CHECK(at(got.body, "/entities/2/entity") == "clients");
  CHECK(at(got.body, "/entities/2/records") == "4");
  CHECK(at(got.body, "/entities/2/branches/0/branch") == "null");
  CHECK(at(got.body, "/entities/2/branches/0/records") == "2");
  CHECK(at(got.body, "/entities/2/branches/1/branch") == "north");
  CHECK(at(got.body, "/entities/2/branches/1/records") == "2");
  CHECK(at(got.body, "/database/connected") == "true");
  CHECK(at(got.body, "/checkpoint_key") == "null");
  CHECK(server.get("/api/admin/overview?entity=clients").status == 400);
}

TEST_CASE("admin: events are found by request, branch, entity and time, the newest first, without data") {
  const server_fixture server;
  REQUIRE(server.post("/api/clients", client("A", "One", "north"), named("first-visit")).status == 201);
  REQUIRE(server.post("/api/clients", client("B", "Two", "south"), named("second-visit")).status == 201);
  REQUIRE(server.post("/api/clients", client("A", "One", "south"), named("second-visit")).status == 200);
  REQUIRE(server.post("/api/campaigns", R"({"id":"K","campaign_name":"Fair","name":"Fair"})").status < 500);

  const auto all = server.get("/api/admin/events?resource=clients");
  REQUIRE_MESSAGE(all.status == 200, all.body);
  CHECK(column(all.body, "position") == std::vector<std::string>{"3", "2", "1"});
  CHECK(at(all.body, "/0/id") == "A");
  CHECK(at(all.body, "/0/action") == "updated");
  CHECK(at(all.body, "/0/version") == "2");
  CHECK(at(all.body, "/0/branch") == "south");
  CHECK(at(all.body, "/0/previous_branch") == "north");
  CHECK(at(all.body, "/0/actor") == "anonymous");
  CHECK(at(all.body, "/0/request_id") == "second-visit");
  CHECK(at(all.body, "/0/data") == "(absent)");
  CHECK(at(all.body, "/2/previous_branch") == "(absent)");
  CHECK(all.count("link") == 0);

  CHECK(column(server.get("/api/admin/events?request_id=second-visit").body, "position") ==
        std::vector<std::string>{"3", "2"});
  CHECK(column(server.get("/api/admin/events?branch=north").body, "position") ==
        std::vector<std::string>{"3", "1"});
  CHECK(size_at(server.get("/api/admin/events?actor=somebody").body) == 0);
  const auto when = at(all.body, "/1/recorded_at");
  CHECK(column(server.get("/api/admin/events?resource=clients&from=" + when).body, "position") ==
        std::vector<std::string>{"3", "2"});
  CHECK(column(server.get("/api/admin/events?to=" + when).body, "position") ==
        std::vector<std::string>{"2", "1"});
  CHECK(column(server.get("/api/admin/events?from=2&to=2").body, "position") ==
        std::vector<std::string>{"2"});
}

TEST_CASE("admin: a search comes in pages that meet, and refuses what it does not know") {
  const server_fixture& server = server_fixture::shared();
  const auto request = unique_word("visit");
  std::string body = "[";
  for (int i = 0; i < 7; ++i)
    body += (i > 0 ? "," : "") + client(unique_word("CLT-page"), "A", "north");
  REQUIRE(server.post("/api/clients", body + "]", named(request)).status == 200);
  std::vector<std::string> seen;
  std::string target = "?limit=3&request_id=" + request;
  for (int pages = 0; !target.empty() && pages < 50; ++pages) {
    const auto page = server.get("/api/admin/events" + target);
    REQUIRE_MESSAGE(page.status == 200, page.body);
    CHECK(size_at(page.body) <= 3);
    for (const auto& position : column(page.body, "position"))
      seen.push_back(position);
    target = next_of(page);
  }
  REQUIRE(seen.size() == 7);
  for (std::size_t i = 1; i < seen.size(); ++i)
    CHECK(std::stoll(seen[i]) == std::stoll(seen[i - 1]) - 1);
  for (const char* wrong :
       {"?limit=0", "?limit=1001", "?before=x", "?from=yesterday", "?who=me", "?actor=a&actor=b"}) {
    CAPTURE(wrong);
    CHECK(server.get(std::string("/api/admin/events") + wrong).status == 400);
  }
}

TEST_CASE("admin: verify tells its progress and its result, and names the first difference") {
  const server_fixture server;
  REQUIRE(server.post("/api/clients", client("A", "One", "north")).status == 201);
  CHECK(at(server.get("/api/admin/verify").body, "/last") == "null");
  int before = 0;
  const auto good = last_event(server, "GET", "/api/admin/verify", stream, "", before);
  CHECK(good.name == "result");
  CHECK(before >= 1);
  CHECK(at(good.data, "/ok") == "true");
  CHECK(at(good.data, "/events") == "1");
  CHECK(at(good.data, "/rows") == "1");

  server.sql("UPDATE public.clients SET full_name = 'Two' WHERE id = 'A'");
  const auto bad = last_event(server, "GET", "/api/admin/verify", stream, "", before);
  CHECK(bad.name == "result");
  CHECK(at(bad.data, "/ok") == "false");
  CHECK(at(bad.data, "/difference/kind") == "field");
  CHECK(at(bad.data, "/difference/resource") == "clients");
  CHECK(at(bad.data, "/difference/id") == "A");
  CHECK(at(bad.data, "/difference/field") == "full_name");
  const auto status = server.get("/api/admin/verify").body;
  CHECK(at(status, "/running") == "false");
  CHECK(at(status, "/last/ok") == "false");
  CHECK(server.get("/api/admin/verify", {{"Accept", "text/csv"}}).status == 406);
}

TEST_CASE(
    "admin: a checkpoint is signed by the server's key, and another log, a forged one or a cut log is told") {
  const key_file signer;
  const server_fixture server({.arguments = {"--checkpoint-key", signer.path}});
  CHECK(server.get("/api/admin/checkpoints").status == 404); // nothing to sign yet
  REQUIRE(server.post("/api/clients", client("A", "One", "north")).status == 201);
  const auto made = server.get("/api/admin/checkpoints");
  REQUIRE_MESSAGE(made.status == 200, made.body);
  CHECK(made.header("content-disposition") == "attachment; filename=\"checkpoint-1.json\"");
  const auto read = core::read_checkpoint(made.body);
  REQUIRE(read.has_value());
  CHECK(read->about.position.value == 1);
  CHECK(core::is_signed_by(*read, signer.key.public_half()));
  CHECK(at(server.get("/api/admin/overview").body, "/checkpoint_key") == signer.key.public_half().id());

  REQUIRE(server.post("/api/clients", client("B", "Two", "north")).status == 201);
  const auto good = server.post("/api/admin/checkpoints/verify", made.body);
  REQUIRE_MESSAGE(good.status == 200, good.body);
  CHECK(at(good.body, "/ok") == "true");
  CHECK(at(good.body, "/own_key") == "true");
  CHECK(at(good.body, "/position") == "1");

  auto other = read->about;
  other.hash[0] ^= 1;
  const auto rewritten =
      server.post("/api/admin/checkpoints/verify", core::write_checkpoint(other, core::private_key::make()));
  CHECK(at(rewritten.body, "/ok") == "false");
  CHECK(at(rewritten.body, "/signature") == "true");
  CHECK(at(rewritten.body, "/own_key") == "false");
  CHECK(at(rewritten.body, "/difference/kind") == "checkpoint");
  other = read->about;
  other.position = {7};
  const auto cut = server.post("/api/admin/checkpoints/verify", core::write_checkpoint(other, signer.key));
  CHECK(at(cut.body, "/difference/detail").find("missing") != std::string::npos);
  auto forged = made.body;
  const auto where = forged.find("\"position\":1");
  REQUIRE(where != std::string::npos);
  forged[where + 11] = '2';
  const auto unsigned_one = server.post("/api/admin/checkpoints/verify", forged);
  CHECK(at(unsigned_one.body, "/signature") == "false");
  CHECK(at(unsigned_one.body, "/ok") == "false");

  CHECK(server.post("/api/admin/checkpoints/verify", "{}").status == 400);
  CHECK(server.post("/api/admin/checkpoints/verify", std::string(70'000, ' ')).status == 413);
  CHECK(server_fixture::shared().get("/api/admin/checkpoints").status == 404);
  // Whoever has no key of his own checks the more.
  const auto elsewhere = server_fixture::shared().post("/api/admin/checkpoints/verify", made.body);
  CHECK(at(elsewhere.body, "/own_key") == "null");
  CHECK(at(elsewhere.body, "/difference/kind") == "identity");
}

TEST_CASE("admin: a selection is undone by new events, after a dry run that changes nothing") {
  const server_fixture server;
  REQUIRE(server.post("/api/clients", client("A", "One", "north")).status == 201);
  REQUIRE(server
              .post("/api/clients",
                    "[" + client("A", "Wrong", "north") + "," + client("B", "Wrong", "north") + "]",
                    named("bad-import"))
              .status == 200);
  const std::string selection = R"({"request_id":"bad-import")";
  const auto dry = server.post("/api/admin/undo", selection + R"(,"dry_run":true})");
  REQUIRE_MESSAGE(dry.status == 200, dry.body);
  CHECK(at(dry.body, "/dry_run") == "true");
  CHECK(at(dry.body, "/complete") == "true");
  CHECK(at(dry.body, "/undone") == "2");
  CHECK(at(dry.body, "/removed") == "1");
  CHECK(at(dry.body, "/set_back") == "1");
  CHECK(at(dry.body, "/brought_back") == "0");
  CHECK(at(dry.body, "/items/0/effect") == "removed");
  CHECK(at(dry.body, "/items/1/effect") == "set_back");
  CHECK(size_at(dry.body, "/items") == 2);
  CHECK(at(dry.body, "/items/0/id") == "B");
  CHECK(at(dry.body, "/items/0/restored_version") == "null");
  CHECK(at(dry.body, "/items/1/changes/0/path") == "/full_name");
  CHECK(at(dry.body, "/items/1/changes/0/to") == "One");
  CHECK(server.event_count() == 3);

  int before = 0;
  const http_headers json_stream{{"Accept", "text/event-stream"}, {"Content-Type", "application/json"}};
  const auto done = last_event(server, "POST", "/api/admin/undo", json_stream, selection + "}", before);
  CHECK(done.name == "result");
  CHECK(at(done.data, "/undone") == "2");
  CHECK(at(done.data, "/complete") == "true");
  CHECK(server.get("/api/clients/B").status == 404);
  CHECK(at(server.get("/api/clients/A").body, "/full_name") == "One");
  const auto audit = server.get("/api/admin/events?request_id=" + at(done.data, "/request_id")).body;
  CHECK(size_at(audit) == 2);
  CHECK(at(server.post("/api/admin/undo", selection + "}").body, "/nothing") == "2");
  // That undo undone: what it removed is there again.
  const auto back =
      server.post("/api/admin/undo", R"({"request_id":")" + at(done.data, "/request_id") + R"("})").body;
  CHECK(at(back, "/undone") == "2");
  CHECK(at(back, "/brought_back") == "1");
  CHECK(at(back, "/set_back") == "1");
  CHECK(server.get("/api/clients/B").status == 200);
}

TEST_CASE("admin: an undo that names nothing, or what nobody knows, is refused") {
  const server_fixture& server = server_fixture::shared();
  for (const char* wrong : {"{}", R"({"dry_run":true})", R"({"request_id":""})", R"({"from":0})",
                            R"({"from":5,"to":4})", R"({"actor":"a","resource":"nobody"})",
                            R"({"actor":"a","who":1})", R"({"actor":1})", "[]", R"({"from":"yesterday"})"}) {
    CAPTURE(wrong);
    CHECK(server.post("/api/admin/undo", wrong).status == 422);
  }
  CHECK(server.request("POST", "/api/admin/undo", {{"Content-Type", "text/plain"}}, "{}").status == 415);
  CHECK(server.get("/api/admin/undo").status == 405);
  CHECK(server.get("/api/admin/nothing").status == 404);
}

TEST_CASE("docs/admin.md: every command works as it is printed") {
  const key_file signer;
  const server_fixture server({.arguments = {"--checkpoint-key", signer.path}});
  REQUIRE(server.post("/api/clients", client("A", "One", "north")).status == 201);
  std::ifstream page(SYNCLOG_SOURCE_DIR "/docs/admin.md");
  std::string script = "set -eux\ncd \"$(mktemp -d)\"\ncurl() { command curl -fsS \"$@\"; echo; }\n", line;
  int commands = 0;
  for (bool inside = false; std::getline(page, line);) {
    if (line.starts_with("```")) {
      inside = line == "```sh";
    } else if (inside) {
      const auto address = line.find("localhost:8080");
      REQUIRE(address != std::string::npos);
      script += line.replace(address, 14, "127.0.0.1:" + std::to_string(server.port())) + '\n';
      ++commands;
    }
  }
  REQUIRE(commands >= 6);
  key_file output; // a file of a name of its own, gone with it
  spawn_options how;
  how.arguments = {"/bin/sh", "-c", script};
  how.folder = "/";
  how.log_path = output.path;
  const auto status = wait_for_exit(spawn(how), std::chrono::seconds(60));
  std::ostringstream printed;
  printed << std::ifstream(output.path).rdbuf();
  REQUIRE(status.has_value());
  REQUIRE_MESSAGE((WIFEXITED(*status) && WEXITSTATUS(*status) == 0), printed.str());
  CHECK(printed.str().find("event: result") != std::string::npos);
  CHECK(printed.str().find("\"own_key\":true") != std::string::npos);
}

TEST_CASE("admin: a table that cannot be counted is left out of the overview, and not tried again at once") {
  const server_fixture server;
  REQUIRE(server.post("/api/clients", client("A", "One", "north")).status == 201);
  eventstore::pg::plain_connection holder(server.database_url(), "", "test");
  holder.run("BEGIN");
  holder.run("LOCK TABLE public.clients IN ACCESS EXCLUSIVE MODE");
  const auto first = server.get("/api/admin/overview"); // waits for it, within bounds
  REQUIRE_MESSAGE(first.status == 200, first.body);
  CHECK(size_at(first.body, "/entities") == 7);
  CHECK(first.body.find("\"clients\"") == std::string::npos);
  // Long enough for another document to be made.
  using steady = std::chrono::steady_clock;
  for (const auto end = steady::now() + std::chrono::seconds(4); steady::now() < end;) {
    const auto began = steady::now();
    CHECK(server.get("/api/admin/overview").status == 200);
    CHECK(steady::now() - began < std::chrono::seconds(5));
  }
  holder.abandon_transaction();
}
