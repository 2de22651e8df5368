// Single records answered from memory: never older than what any server over the database has acknowledged.
#include "records_support.hpp"
#include "tests/streams/restored.hpp"
#include "tests/streams/server_metrics.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

void save(const server_fixture& server, const std::string& id, const std::string& name) {
  const auto saved = server.post("/api/clients", R"({"id":")" + id + R"(","full_name":")" + name + "\"}");
  REQUIRE_MESSAGE((saved.status == 200 || saved.status == 201), saved.body);
}

} // namespace

TEST_CASE("records: one kept ready is the one that would be read, until it changes") {
  const server_fixture server;
  save(server, "A", "first");
  save(server, "B", "other");
  const auto found = [&server] { return metric(server.port(), "synclog_kept_answers_found_total"); };
  const auto read = server.get("/api/clients/A");
  const auto before = found();
  const auto again = server.get("/api/clients/A");
  CHECK(found() == before + 1);
  CHECK(again.body == read.body);
  for (const auto* name : {"etag", "content-type", "vary", "cache-control"})
    CHECK(again.header(name) == read.header(name));
  CHECK(server.get("/api/clients?id=A").body == read.body);
  CHECK(server.get("/api/clients/A", {{"If-None-Match", "\"1\""}}).status == 304);
  CHECK(found() == before + 3);
  // Another record's change leaves it.
  save(server, "B", "changed");
  CHECK(server.get("/api/clients/A").body == read.body);
  CHECK(found() == before + 4);
  for (int i = 0; i < 20; ++i) {
    const auto name = "name " + std::to_string(i);
    save(server, "A", name);
    const auto now = server.get("/api/clients/A", {{"If-None-Match", read.header("etag")}});
    CHECK(now.status == 200);
    CHECK(at(now.body, "/full_name") == name);
  }
  REQUIRE(server.request("DELETE", "/api/clients/A").status == 200);
  CHECK(server.get("/api/clients/A").status == 404);
  save(server, "A", "again");
  CHECK(at(server.get("/api/clients/A").body, "/full_name") == "again");
}

TEST_CASE("records: one kept ready is not shown once another server has changed or deleted it") {
  const server_fixture first;
  save(first, "A", "first");
  const server_fixture second({.database = first.database()});
  for (int i = 0; i < 20; ++i) {
    for (int ask = 0; ask < 3; ++ask)
      CHECK(second.get("/api/clients/A").status == 200);
    const auto name = "seen " + std::to_string(i);
    save(first, "A", name);
    CHECK(at(second.get("/api/clients/A").body, "/full_name") == name);
  }
  REQUIRE(first.request("DELETE", "/api/clients/A").status == 200);
  CHECK(second.get("/api/clients/A").status == 404);
}

TEST_CASE("records: one kept ready is not shown once the database was put back to before it") {
  for (const bool grows : {false, true}) {
    CAPTURE(grows);
    const server_fixture server;
    save(server, "A", "kept");
    streams::restorable database(server.cluster(), server.database());
    database.keep();
    REQUIRE(wait_until(
        [&] { return server.post("/api/clients", R"({"id":"A","full_name":"void"})").status == 200; }));
    for (int ask = 0; ask < 3; ++ask)
      REQUIRE(at(server.get("/api/clients/A").body, "/full_name") == "void");
    database.put_back();
    if (grows) (void)server.post("/api/campaigns", R"({"name":"Another history"})");
    http_reply after;
    REQUIRE(wait_until([&] {
      after = server.get("/api/clients/A", {{"If-None-Match", "\"2\""}});
      return after.status != 503;
    }));
    CHECK(after.status == 200);
    CHECK(at(after.body, "/full_name") == "kept");
  }
}
