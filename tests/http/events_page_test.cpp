// GET /api/events as pages: cursors, filters, links, CloudEvents.
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

// 1 created clients C-1 north · 2 created campaigns P-1 south · 3 updated clients C-1 north→south · 4 deleted
// clients C-1 · 5 created clients C-2 north
void write_five(const server_fixture& server) {
  const http_headers json{{"Content-Type", "application/json"}};
  REQUIRE(server.post("/api/clients", R"({"id":"C-1","full_name":"A","branch":"north"})").status == 201);
  REQUIRE(server.post("/api/campaigns", R"({"id":"P-1","name":"P","branch":"south"})").status == 201);
  REQUIRE(server.request("PUT", "/api/clients/C-1", json, R"({"branch":"south"})").status == 200);
  REQUIRE(server.request("DELETE", "/api/clients/C-1").status == 200);
  REQUIRE(server.post("/api/clients", R"({"id":"C-2","full_name":"B","branch":"north"})").status == 201);
}

using words = std::vector<std::string>;

} // namespace

TEST_CASE("events: a page holds the envelopes in order, each with its previous") {
  const server_fixture server;
  CHECK(server.get("/api/events").body == "[]");
  write_five(server);
  const auto page = server.get("/api/events?after=0");
  REQUIRE_MESSAGE(page.status == 200, page.body);
  CHECK(page.header("content-type") == "application/json");
  CHECK(column(page.body, "position") == words{"1", "2", "3", "4", "5"});
  CHECK(column(page.body, "previous") == words{"0", "1", "2", "3", "4"});
  CHECK(column(page.body, "action") == words{"created", "created", "updated", "deleted", "created"});
  CHECK(column(page.body, "resource") == words{"clients", "campaigns", "clients", "clients", "clients"});
  CHECK(at(page.body, "/0/type") == "event");
  CHECK(at(page.body, "/0/actor") == "anonymous");
  CHECK(at(page.body, "/0/data/full_name") == "A");
  CHECK(at(page.body, "/2/previous_branch") == "north");
  CHECK(at(page.body, "/2/branch") == "south");
  CHECK(at(page.body, "/1/previous_branch") == "(absent)");
  CHECK(at(page.body, "/4/data") == server.get("/api/clients/C-2").body);
  CHECK(page.header("sync-position") == at(page.body, "/4/cursor"));
  CHECK(page.header("link").empty());
}

TEST_CASE("events: following the links visits every event once") {
  const server_fixture server;
  write_five(server);
  std::string target = "/api/events?after=0&limit=2";
  words seen;
  while (!target.empty()) {
    const auto page = server.get(target);
    REQUIRE(page.status == 200);
    for (auto& position : column(page.body, "position"))
      seen.push_back(std::move(position));
    const auto link = page.header("link");
    target = link.empty() ? "" : "/api/events" + link.substr(1, link.find('>') - 1);
  }
  CHECK(seen == words{"1", "2", "3", "4", "5"});
}

TEST_CASE(
    "events: filters by resource, branch before or after, id and action; previous skips what is filtered") {
  const server_fixture server;
  write_five(server);
  const auto positions = [&](const std::string& filter) {
    return column(server.get("/api/events?after=0&" + filter).body, "position");
  };
  CHECK(positions("resource=campaigns") == words{"2"});
  CHECK(positions("resource=campaigns&resource=clients") == words{"1", "2", "3", "4", "5"});
  CHECK(positions("branch=north") == words{"1", "3", "5"});
  CHECK(positions("branch=south") == words{"2", "3", "4"});
  CHECK(positions("id=C-1&action=updated&action=deleted") == words{"3", "4"});
  CHECK(positions("id=nobody").empty());
  const auto page = server.get("/api/events?after=0&branch=north");
  CHECK(column(page.body, "previous") == words{"0", "1", "3"});
  const auto none = server.get("/api/events?after=1&id=nobody");
  CHECK(none.header("sync-position").starts_with("5-"));
}

TEST_CASE("events: CloudEvents come as a batch when asked for") {
  const server_fixture server;
  write_five(server);
  const auto page = server.get("/api/events?limit=1", {{"Accept", "application/cloudevents-batch+json"}});
  CHECK(page.header("content-type") == "application/cloudevents-batch+json");
  CHECK(at(page.body, "/0/specversion") == "1.0");
  CHECK(at(page.body, "/0/type") == "synclog.clients.created");
  CHECK(at(page.body, "/0/subject") == "C-1");
  CHECK(at(page.body, "/0/data/position") == "1");
  CHECK(page.header("link").find("rel=\"next\"") != std::string::npos);
}

TEST_CASE("events: cursors are checked against the history; bad parameters are 400") {
  const server_fixture server;
  write_five(server);
  const auto cursor = at(server.get("/api/events?limit=2").body, "/1/cursor");
  CHECK(column(server.get("/api/events?after=" + cursor).body, "position") == words{"3", "4", "5"});
  CHECK(column(server.get("/api/events?after=2").body, "position") == words{"3", "4", "5"});
  const auto foreign = server.get("/api/events?after=2-00000000");
  CHECK(foreign.status == 400);
  CHECK(at(foreign.body, "/detail").find("another history") != std::string::npos);
  CHECK(foreign.header("sync-position").starts_with("5-"));
  CHECK(at(foreign.body, "/code") == "other_history");
  CHECK(at(server.get("/api/events?after=5-00000000").body, "/code") == "other_history");
  const auto beyond = server.get("/api/events?after=99");
  CHECK(beyond.status == 400);
  CHECK(at(beyond.body, "/code") == "beyond_head");
  for (const char* twice : {"/api/events?after=0&after=1", "/api/events?limit=1&limit=2"}) {
    for (const char* form : {"application/json", "text/event-stream"}) {
      const auto refused = server.get(twice, {{"Accept", form}});
      CHECK(refused.status == 400);
      CHECK(at(refused.body, "/code") == "bad_request");
    }
  }
  CHECK(at(server.get("/api/events?after=0&after=1").body, "/detail") == "after: given twice");
  for (const char* query : {"after=x", "after=-1", "after=1-xyz", "after=", "limit=0", "limit=10001",
                            "limit=x", "resource=nobody", "action=changed", "since=1"}) {
    CAPTURE(query);
    CHECK(server.get(std::string("/api/events?") + query).status == 400);
  }
  CHECK(at(server.get("/api/events?resource=nobody").body, "/detail").find("stock-requests") !=
        std::string::npos);
  CHECK(server.get("/api/events", {{"Accept", "text/html"}}).status == 406);
  CHECK(server.post("/api/events", "{}").status == 405);
}
