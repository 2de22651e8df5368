// Lists over HTTP: forms, paging, whole tables, ETags.
#include "records_support.hpp"
#include "tests/streams/restored.hpp"
#include "tests/streams/server_metrics.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <set>

using namespace synclog::tests;

namespace {

// `count` clients named "N 00000" … with ids of the same order.
void fill(const server_fixture& server, int count) {
  constexpr int batch = 5'000;
  for (int start = 0; start < count; start += batch) {
    std::string body = "[";
    for (int i = start; i < std::min(start + batch, count); ++i) {
      const auto number = std::to_string(100'000 + i);
      body += std::string(i > start ? "," : "") + R"({"id":"C-)" + number + R"(","full_name":"N )" + number +
              R"(","branch":")" + (i % 3 == 0 ? "north" : "south") + "\"}";
    }
    const auto saved = server.post("/api/clients", body + "]");
    REQUIRE_MESSAGE(saved.status == 200, saved.body);
  }
}

// The target of Link: rel="next", "" when there is none.
std::string next_of(const http_reply& page, const std::string& path) {
  const auto link = page.header("link");
  if (link.empty()) return "";
  return path + link.substr(1, link.find('>') - 1);
}

} // namespace

TEST_CASE("lists: a whole table comes in one answer, in every form, whatever its size") {
  const server_fixture server;
  constexpr int count = 7'000; // several pages
  fill(server, count);
  const auto json = server.get("/api/clients?sort=id");
  CHECK(json.status == 200);
  CHECK(json.header("transfer-encoding") == "chunked");
  CHECK(!json.header("sync-position").empty());
  const auto ids = column(json.body, "id");
  REQUIRE(ids.size() == count);
  CHECK(std::is_sorted(ids.begin(), ids.end()));
  CHECK(ids.front() == "C-100000");
  CHECK(ids.back() == "C-106999");
  const auto lines = server.get("/api/clients?sort=id", {{"Accept", "application/x-ndjson"}});
  CHECK(std::count(lines.body.begin(), lines.body.end(), '\n') == count);
  CHECK(at(lines.body.substr(0, lines.body.find('\n')), "/id") == "C-100000");
  const auto csv = server.get("/api/clients?sort=id", {{"Accept", "text/csv"}});
  CHECK(csv.body.starts_with("id,reference_number,full_name"));
  CHECK(std::count(csv.body.begin(), csv.body.end(), '\n') == count + 1);
  CHECK(size_at(server.get("/api/clients?branch=north").body) == (count + 2) / 3);
  const auto head = server.request("HEAD", "/api/clients");
  CHECK(head.status == 200);
  CHECK(head.header("etag") == server.get("/api/clients").header("etag"));
}

TEST_CASE("lists: following Link visits every row once, while others write") {
  const server_fixture server;
  fill(server, 50);
  std::set<std::string> seen;
  std::string target = "/api/clients?sort=full_name&limit=7&branch=north&branch=south";
  int pages = 0;
  while (!target.empty()) {
    REQUIRE(++pages < 20);
    const auto page = server.get(target);
    REQUIRE_MESSAGE(page.status == 200, page.body);
    for (const auto& id : column(page.body, "id"))
      CHECK(seen.insert(id).second);
    // Rows before and behind the cursor come and go.
    const auto number = std::to_string(pages);
    server.post("/api/clients", R"({"full_name":"A )" + number + R"(","branch":"north"})");
    target = next_of(page, "/api/clients");
  }
  for (int i = 0; i < 50; ++i)
    CHECK(seen.contains("C-" + std::to_string(100'000 + i)));
}

TEST_CASE("lists: a limit over many rows is one answer of that many, and its link goes on") {
  const server_fixture server;
  fill(server, 1'500);
  const auto page = server.get("/api/clients?sort=id&limit=1000");
  CHECK(size_at(page.body) == 1'000);
  const auto rest = server.get(next_of(page, "/api/clients"));
  CHECK(column(rest.body, "id").front() == "C-101000");
  CHECK(size_at(rest.body) == 500);
  CHECK(rest.header("link").empty());
  const auto other = server.get("/api/clients?sort=-id&limit=1000&cursor=" +
                                next_of(page, "").substr(next_of(page, "").find("cursor=") + 7));
  CHECK(other.status == 400);
}

TEST_CASE("lists: ranges, not-equal, several values, sort on several columns") {
  const server_fixture server;
  REQUIRE(
      server
          .post(
              "/api/finance-cash-requests",
              R"([{"id":"F-1","branch":"n","amount":5},{"id":"F-2","branch":"s","amount":10.25},{"id":"F-3","branch":"n","amount":100}])")
          .status == 200);
  const auto ids = [&](const std::string& query) {
    return column(server.get("/api/finance-cash-requests?sort=id&" + query).body, "id");
  };
  CHECK(ids("amount[gte]=10.25") == std::vector<std::string>{"F-2", "F-3"});
  CHECK(ids("amount%5Bgt%5D=5&amount[lt]=100") == std::vector<std::string>{"F-2"});
  CHECK(ids("amount[lte]=5") == std::vector<std::string>{"F-1"});
  CHECK(ids("branch=n&branch=s") == std::vector<std::string>{"F-1", "F-2", "F-3"});
  CHECK(ids("branch[ne]=n") == std::vector<std::string>{"F-2"});
  CHECK(column(server.get("/api/finance-cash-requests?sort=branch,-amount").body, "id") ==
        std::vector<std::string>{"F-3", "F-1", "F-2"});
}

TEST_CASE(
    "lists: an unchanged list is 304 until its entity changes; form, query and rows have tags of their own") {
  const server_fixture server;
  fill(server, 3);
  const auto first = server.get("/api/clients");
  const auto tag = first.header("etag");
  CHECK(tag.starts_with("W/\""));
  CHECK(first.header("vary").find("Accept") != std::string::npos);
  CHECK(first.header("cache-control") == "private, no-cache");
  const auto same = server.get("/api/clients", {{"If-None-Match", tag}});
  CHECK(same.status == 304);
  CHECK(same.body.empty());
  CHECK(same.header("etag") == tag);
  CHECK(!same.header("sync-position").empty());
  REQUIRE(server.post("/api/campaigns", R"({"name":"Other entity"})").status == 201);
  CHECK(server.get("/api/clients", {{"If-None-Match", tag}}).status == 304);
  CHECK(server.get("/api/clients", {{"If-None-Match", tag}, {"Accept", "text/csv"}}).status == 200);
  CHECK(server.get("/api/clients?limit=2", {{"If-None-Match", tag}}).status == 200);
  REQUIRE(server.post("/api/clients", R"({"full_name":"New"})").status == 201);
  const auto changed = server.get("/api/clients", {{"If-None-Match", tag}});
  CHECK(changed.status == 200);
  CHECK(changed.header("etag") != tag);
}

TEST_CASE("lists: two servers over one database never answer 304 to a list that the other has changed") {
  const server_fixture first;
  fill(first, 3);
  const server_fixture second({.database = first.database()});
  for (int i = 0; i < 20; ++i) {
    const auto tag = second.get("/api/clients").header("etag");
    const auto name = "Word" + std::to_string(i);
    REQUIRE(first.post("/api/clients", R"({"full_name":")" + name + "\"}").status == 201);
    const auto after = second.get("/api/clients", {{"If-None-Match", tag}});
    CHECK(after.status == 200);
    CHECK(after.body.find(name) != std::string::npos);
  }
}

TEST_CASE(
    "lists: a page kept ready is the page that would be read, with its link, until the entity changes") {
  const server_fixture server;
  fill(server, 5);
  const auto found = [&server] { return metric(server.port(), "synclog_kept_answers_found_total"); };
  const auto before = found();
  const auto first = server.get("/api/clients?limit=2");
  const auto again = server.get("/api/clients?limit=2");
  CHECK(found() == before + 1);
  CHECK(again.body == first.body);
  for (const auto* name : {"etag", "link", "content-type", "vary", "cache-control"})
    CHECK(again.header(name) == first.header(name));
  CHECK(!again.header("link").empty());
  // Another form, limit, filter or part is another page.
  for (const auto* other :
       {"/api/clients?limit=3", "/api/clients?limit=2&sort=id", "/api/clients?limit=2&city=x"})
    (void)server.get(other);
  CHECK(server.get("/api/clients?limit=2", {{"Accept", "text/csv"}}).body != first.body);
  CHECK(found() == before + 1);
  // Another entity's change leaves it, and tells the new head.
  REQUIRE(server.post("/api/campaigns", R"({"name":"Other entity"})").status == 201);
  const auto later = server.get("/api/clients?limit=2");
  CHECK(found() == before + 2);
  CHECK(later.header("sync-position") != first.header("sync-position"));
  for (int i = 0; i < 20; ++i) {
    const auto name = "Kept" + std::to_string(i);
    REQUIRE(server.post("/api/clients", R"({"full_name":")" + name + "\"}").status == 201);
    CHECK(server.get("/api/clients?limit=2").body.find(name) != std::string::npos);
  }
}

TEST_CASE("lists: a page kept ready is not shown once another server has changed the entity") {
  const server_fixture first;
  fill(first, 3);
  const server_fixture second({.database = first.database()});
  for (int i = 0; i < 20; ++i) {
    for (int ask = 0; ask < 3; ++ask)
      CHECK(second.get("/api/clients?limit=2").status == 200);
    const auto name = "Seen" + std::to_string(i);
    REQUIRE(first.post("/api/clients", R"({"full_name":")" + name + "\"}").status == 201);
    CHECK(second.get("/api/clients?limit=2").body.find(name) != std::string::npos);
  }
}

TEST_CASE("lists: a page kept ready is not shown once the database was put back to before it") {
  for (const bool grows : {false, true}) {
    CAPTURE(grows);
    const server_fixture server;
    fill(server, 3);
    streams::restorable database(server.cluster(), server.database());
    database.keep();
    REQUIRE(wait_until(
        [&] { return server.post("/api/clients", R"({"id":"V","full_name":"Void"})").status == 201; }));
    std::string tag;
    for (int i = 0; i < 3; ++i) {
      const auto page = server.get("/api/clients?limit=9");
      REQUIRE(page.body.find("Void") != std::string::npos);
      tag = page.header("etag");
    }
    database.put_back();
    // The new history may be as long as the old one was.
    if (grows) (void)server.post("/api/campaigns", R"({"name":"Another history"})");
    http_reply after;
    REQUIRE(wait_until([&] {
      after = server.get("/api/clients?limit=9", {{"If-None-Match", tag}});
      return after.status != 503;
    }));
    CHECK(after.status == 200);
    CHECK(after.body.find("Void") == std::string::npos);
  }
}
