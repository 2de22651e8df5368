// Histories, records as they were, and reverts, over HTTP.
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>

using namespace synclog::tests;

namespace {

const server_fixture& server() {
  return server_fixture::shared();
}

http_reply post(const std::string& path, const std::string& body, http_headers headers = {}) {
  return server().post(path, body, std::move(headers));
}

// A client with three versions and its path.
std::string changed_client() {
  const auto id = unique_word("CLT-past");
  REQUIRE(post("/api/clients",
               R"({"id":")" + id + R"(","full_name":"A","data":{"address":{"city":"X"}},"branch":"north"})")
              .status == 201);
  REQUIRE(post("/api/clients", R"({"id":")" + id + R"(","full_name":"B","phone":"1"})").status == 200);
  REQUIRE(server()
              .request("PATCH", "/api/clients/" + id, {{"Content-Type", "application/json"}},
                       R"({"data":{"address":{"city":"Y"}},"branch":"south"})")
              .status == 200);
  return "/api/clients/" + id;
}

// Takes the data of an event away, as the owner of a log may have to.
void erase(const server_fixture& from, const std::string& where) {
  (void)from.sql(
      "ALTER TABLE synclog.events DISABLE TRIGGER append_only; UPDATE synclog.events e SET data_hash = "
      "synclog.data_hash(e), data = NULL, salt = NULL WHERE " +
      where + "; ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only");
}

std::string next_of(const http_reply& page, const std::string& path) {
  const auto link = page.header("link");
  return link.empty() ? "" : path + link.substr(1, link.find('>') - 1);
}

} // namespace

TEST_CASE("history: every version with who, when and what changed, oldest first") {
  const auto path = changed_client();
  REQUIRE(server().request("DELETE", path).status == 200);
  const auto id = path.substr(path.rfind('/') + 1);
  REQUIRE(post("/api/clients", R"({"id":")" + id + R"(","full_name":"C"})").status == 201);
  const auto got = server().get(path + "/history");
  REQUIRE_MESSAGE(got.status == 200, got.body);
  CHECK(got.header("content-type") == "application/json");
  CHECK(!got.header("sync-position").empty());
  CHECK(column(got.body, "version") == std::vector<std::string>{"1", "2", "3", "4", "5"});
  CHECK(column(got.body, "action") ==
        std::vector<std::string>{"created", "updated", "updated", "deleted", "created"});
  CHECK(at(got.body, "/0/actor") == "anonymous");
  CHECK(at(got.body, "/1/changes") ==
        R"([{"path":"/full_name","from":"A","to":"B"},{"path":"/phone","from":null,"to":"1"}])");
  CHECK(at(got.body, "/2/changes/0/path") == "/branch");
  CHECK(at(got.body, "/2/changes/1") == R"({"path":"/data/address/city","from":"X","to":"Y"})");
  CHECK(at(got.body, "/2/branch") == "south");
  CHECK(at(got.body, "/2/previous_branch") == "north");
  CHECK(at(got.body, "/3/changes") == "[]");
  CHECK(at(got.body, "/4/changes/0") == R"({"path":"/full_name","to":"C"})");
}

TEST_CASE("history: pages by version, and an unchanged one is 304") {
  const auto path = changed_client();
  auto page = server().get(path + "/history?limit=2");
  CHECK(column(page.body, "version") == std::vector<std::string>{"1", "2"});
  const auto next = next_of(page, path + "/history");
  REQUIRE(!next.empty());
  page = server().get(next);
  CHECK(column(page.body, "version") == std::vector<std::string>{"3"});
  CHECK(at(page.body, "/0/changes/0/path") == "/branch"); // against version 2, which the page does not show
  CHECK(page.header("link").empty());
  CHECK(server().get(path + "/history?after_version=3").body == "[]");
  CHECK(server().get(path + "/history?after_version=99").body == "[]");
  CHECK(server().get(path + "/history?limit=3").header("link").empty());

  const auto etag = server().get(path + "/history").header("etag");
  CHECK(server().get(path + "/history", {{"If-None-Match", etag}}).status == 304);
  REQUIRE(post("/api/clients", R"({"id":")" + path.substr(13) + R"(","phone":"9"})").status == 200);
  CHECK(server().get(path + "/history", {{"If-None-Match", etag}}).status == 200);
  CHECK(server().request("HEAD", path + "/history").status == 200);
}

TEST_CASE("history: bad requests") {
  const auto path = changed_client();
  CHECK(server().get("/api/clients/nobody/history").status == 404);
  CHECK(server().get("/api/clients/nobody/history", {{"If-None-Match", "*"}}).status == 404);
  CHECK(server().get("/api/nobody/X/history").status == 404);
  CHECK(server().get(path + "/history", {{"Accept", "text/csv"}}).status == 406);
  for (const char* query : {"?limit=0", "?limit=10001", "?limit=x", "?after_version=-1", "?limit=1&limit=2",
                            "?after_version=99999999999999999999"})
    CHECK(server().get(path + "/history" + query).status == 400);
  const auto unknown = server().get(path + "/history?order=desc");
  CHECK(unknown.status == 400);
  CHECK(at(unknown.body, "/detail").find("after_version") != std::string::npos);
  CHECK(server().post(path + "/history", "{}").status == 405);
}

TEST_CASE("history: an erased version is told without its changes") {
  const server_fixture own;
  REQUIRE(own.post("/api/clients", R"({"id":"CLT-1","full_name":"A"})").status == 201);
  REQUIRE(own.post("/api/clients", R"({"id":"CLT-1","phone":"1"})").status == 200);
  REQUIRE(own.post("/api/clients", R"({"id":"CLT-1","phone":"2"})").status == 200);
  erase(own, "version = 2");
  const auto got = own.get("/api/clients/CLT-1/history");
  CHECK(at(got.body, "/1/erased") == "true");
  CHECK(at(got.body, "/1/changes") == "[]");
  CHECK(own.get("/api/clients/CLT-1?version=2").status == 404);
  const auto refused = own.post("/api/clients/CLT-1/revert", R"({"version":2})");
  CHECK(refused.status == 422);
  CHECK(at(refused.body, "/errors/0/detail").find("erased") != std::string::npos);
  CHECK(own.get("/api/clients?at=2").body == "[]");
}

TEST_CASE("history: a record of many versions is written as it is read") {
  server_options options;
  options.arguments = {"--feed-ring", "1000000"}; // its events are not what is measured
  const server_fixture own(options);
  REQUIRE(own.post("/api/clients", R"({"id":"CLT-1","full_name":"A"})").status == 201);
  constexpr int versions = 20'000;
  (void)own.sql(fmt::format("INSERT INTO synclog.events (position, version, recorded_at, action, entity, "
                            "record_id, hash, salt, meta, data) "
                            "SELECT p, p, now(), 'updated', 'clients', 'CLT-1', sha256(int8send(p)), "
                            "'\\x00000000000000000000000000000000', '{{\"actor\":\"load\"}}', "
                            "json_build_object('id', 'CLT-1', 'version', p, "
                            "'position', p, 'created_at', '2026-11-23T04:05:06.000000Z', 'updated_at', "
                            "'2026-11-23T04:05:06.000000Z', "
                            "'full_name', 'A', 'phone', p::text, 'address', repeat(md5(p::text), 100)) FROM "
                            "generate_series(2, {}) AS p",
                            versions));
  const auto resident_kb = [&own] {
    std::ifstream status(fmt::format("/proc/{}/status", own.pid()));
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
    return 0L;
  };
  REQUIRE(own.get(fmt::format("/api/events?after={}", versions - 1)).status ==
          200); // the server knows them all
  (void)own.get("/api/clients/CLT-1/history?limit=1000");
  const auto before = resident_kb();
  const auto got = own.get("/api/clients/CLT-1/history");
  CHECK(got.header("transfer-encoding") == "chunked");
  REQUIRE(got.body.size() > 100u << 20); // both sides of each address
  CHECK(std::count(got.body.begin(), got.body.end(), '{') > versions);
  CHECK(got.body.ends_with("]"));
  CHECK(got.body.find(fmt::format("{{\"version\":{},", versions)) != std::string::npos);
  CHECK(resident_kb() - before < 60 * 1024);
}

TEST_CASE("past record: a version and a moment give the very bytes that were answered then") {
  const auto path = changed_client();
  const auto third = server().get(path);
  const auto history = server().get(path + "/history").body;
  const auto first = server().get(path + "?version=1");
  REQUIRE_MESSAGE(first.status == 200, first.body);
  CHECK(first.header("etag") == "\"1\"");
  CHECK(at(first.body, "/full_name") == "A");
  CHECK(server().get(path + "?version=3").body == third.body);
  CHECK(server().get(path + "?version=1", {{"If-None-Match", "\"1\""}}).status == 304);
  const auto second_position = at(history, "/1/position");
  const auto second = server().get(path + "?at=" + second_position);
  CHECK(second.header("etag") == "\"2\"");
  CHECK(at(second.body, "/phone") == "1");
  CHECK(second.header("sync-position").starts_with(second_position + "-"));
  CHECK(server().get(path + "?at=" + second.header("sync-position")).body == second.body);
  CHECK(server().get(path + "?at=" + at(history, "/1/recorded_at")).body == second.body);
  CHECK(server().get(path + "?at=2100-01-01T00:00:00%2B07:00").body == third.body);
  CHECK(server().get(path + "?at=2100-01-01T00:00:00+07:00").body == third.body);
  CHECK(server().get("/api/clients?id=" + path.substr(13) + "&version=1").body == first.body);
  CHECK(server().get("/api/clients?id=" + path.substr(13) + "&at=" + second_position).body == second.body);

  REQUIRE(server().request("DELETE", path).status == 200);
  CHECK(server().get(path + "?version=3").body == third.body);
  CHECK(server().get(path + "?version=4").status == 404); // the delete
  CHECK(server().get(path + "?at=2100-01-01T00:00:00Z").status == 404);
  CHECK(server().get(path + "?at=2000-01-01T00:00:00Z").status == 404);
}

TEST_CASE("past record: bad requests") {
  const auto path = changed_client();
  for (const char* query :
       {"?version=0", "?version=-1", "?version=x", "?version=1&version=2", "?at=yesterday",
        "?at=", "?at=1&at=2", "?version=1&at=1", "?at=2026-11-23", "?branch=north"})
    CHECK_MESSAGE(server().get(path + query).status == 400, query);
  CHECK(server().get(path + "?version=99").status == 404);
  CHECK(server().get("/api/clients/nobody?version=1").status == 404);
  CHECK(server().get("/api/clients/nobody?at=0").status == 404);
  CHECK(server().get("/api/clients?id=X&at=1&branch=north").status == 400);
  const auto other = server().get(path + "?at=1-00000000");
  CHECK(other.status == 400);
  CHECK(at(other.body, "/code") == "other_history");
  const auto beyond = server().get(path + "?at=99999999");
  CHECK(beyond.status == 400);
  CHECK(at(beyond.body, "/code") == "beyond_head");
  CHECK(!beyond.header("sync-position").empty());
}

TEST_CASE("past list: filters, search, order, pages and forms are a list's, of that moment") {
  const server_fixture own;
  std::string body = "[";
  for (int i = 0; i < 60; ++i)
    body += fmt::format(R"({}{{"id":"C-{}","full_name":"N {}","branch":"{}"}})", i > 0 ? "," : "", 100 + i,
                        i % 7, i % 3 == 0 ? "north" : "south");
  REQUIRE(own.post("/api/clients", body + "]").status == 200);
  const std::vector<std::string> queries{"",
                                         "sort=full_name,-id",
                                         "branch=north&sort=-full_name",
                                         "search=n%203",
                                         "full_name[gte]=N%204&sort=-updated_at,id",
                                         "branch=west"};
  std::vector<std::string> answers;
  for (const auto& query : queries)
    answers.push_back(own.get("/api/clients?" + query).body);
  const auto csv = own.get("/api/clients?sort=id", {{"Accept", "text/csv"}}).body;
  const auto ndjson = own.get("/api/clients?sort=id", {{"Accept", "application/x-ndjson"}}).body;
  const auto moment = own.get("/api/clients").header("sync-position");
  // Afterwards everything is otherwise.
  for (int i = 0; i < 60; i += 2)
    REQUIRE(
        own.post("/api/clients", fmt::format(R"({{"id":"C-{}","full_name":"M","branch":"west"}})", 100 + i))
            .status == 200);
  for (int i = 1; i < 60; i += 4)
    REQUIRE(own.request("DELETE", fmt::format("/api/clients/C-{}", 100 + i)).status == 200);
  REQUIRE(own.post("/api/clients", R"({"full_name":"N 3","branch":"north"})").status == 201);

  for (std::size_t index = 0; index < queries.size(); ++index) {
    CAPTURE(queries[index]);
    const auto then = own.get("/api/clients?at=" + moment + "&" + queries[index]);
    CHECK(then.status == 200);
    CHECK(then.body == answers[index]);
    CHECK(then.header("sync-position") == moment);
  }
  CHECK(own.get("/api/clients?sort=id&at=" + moment, {{"Accept", "text/csv"}}).body == csv);
  CHECK(own.get("/api/clients?sort=id&at=" + moment, {{"Accept", "application/x-ndjson"}}).body == ndjson);
  CHECK(own.get("/api/clients?at=0").body == "[]");
  CHECK(own.get("/api/clients?at=2100-01-01T00:00:00Z&sort=id").body == own.get("/api/clients?sort=id").body);

  // By pages, with a write between them, from a time that has not come.
  const auto whole = own.get("/api/clients?sort=full_name").body;
  auto page = own.get("/api/clients?sort=full_name&limit=7&at=2100-01-01T00:00:00Z");
  auto ids = column(page.body, "id");
  for (auto next = next_of(page, "/api/clients"); !next.empty(); next = next_of(page, "/api/clients")) {
    REQUIRE(own.post("/api/clients", R"({"full_name":"A new one"})").status == 201);
    REQUIRE(own.post("/api/clients", fmt::format(R"({{"id":"{}","full_name":"Z"}})", ids.front())).status ==
            200);
    page = own.get(next);
    const auto more = column(page.body, "id");
    ids.insert(ids.end(), more.begin(), more.end());
  }
  CHECK(ids == column(whole, "id"));
}

TEST_CASE("past list: conditions and bad requests") {
  const auto path = changed_client();
  const auto got = server().get("/api/clients?limit=1&at=2");
  CHECK(got.status == 200);
  CHECK(server().get("/api/clients?limit=1&at=2", {{"If-None-Match", got.header("etag")}}).status == 304);
  CHECK(server().get("/api/clients?limit=2&at=2", {{"If-None-Match", got.header("etag")}}).status == 200);
  CHECK(server().request("HEAD", "/api/clients?at=2").status == 200);
  for (const char* query :
       {"?at=nonsense", "?at=1&at=2", "?at=1&brnch=north", "?version=1", "?at=1&version=1", "?at=1-00000000",
        "?at=99999999", "?at=1&limit=0", "?at=1&cursor=x"})
    CHECK_MESSAGE(server().get(std::string("/api/clients") + query).status == 400, query);
  CHECK(server().get("/api/clients?at=2", {{"Accept", "text/event-stream"}}).status == 400);
  CHECK(server().get("/api/nobody?at=2").status == 404);
}

TEST_CASE("revert: a version becomes the record again, as a new event, also after a delete") {
  const auto path = changed_client();
  const auto first = server().get(path + "?version=1").body;
  const auto made = post(path + "/revert", R"({"version":1})");
  REQUIRE_MESSAGE(made.status == 200, made.body);
  CHECK(made.header("etag") == "\"4\"");
  CHECK(made.header("location") == path);
  CHECK(!made.header("sync-position").empty());
  CHECK(at(made.body, "/full_name") == "A");
  CHECK(at(made.body, "/phone") == "null");
  CHECK(at(made.body, "/created_at") == at(first, "/created_at"));
  CHECK(server().get(path).body == made.body);
  CHECK(at(server().get(path + "/history").body, "/3/action") == "reverted");
  const auto events = server().event_count();
  CHECK(post(path + "/revert", R"({"version":1})").header("etag") == "\"4\"");
  CHECK(server().event_count() == events); // it stands as it was: no event
  REQUIRE(server().request("DELETE", path).status == 200);
  const auto back = post(path + "/revert", R"({"version":2})");
  REQUIRE_MESSAGE(back.status == 200, back.body);
  CHECK(back.header("etag") == "\"6\"");
  CHECK(at(server().get(path).body, "/full_name") == "B");
}

TEST_CASE("revert: conditions, retries and dry runs are those of a POST") {
  const auto path = changed_client();
  CHECK(post(path + "/revert", R"({"version":1})", {{"If-Match", "\"2\""}}).status == 412);
  const auto stale = post(path + "/revert", R"({"version":1,"expected_version":2})");
  CHECK(stale.status == 409);
  CHECK(at(stale.body, "/current/version") == "3");
  CHECK(post(path + "/revert", R"({"version":1,"expected_version":2})", {{"If-Match", "\"3\""}}).status ==
        400);
  CHECK(post(path + "/revert", R"({"version":1})", {{"If-None-Match", "*"}}).status == 400);
  const auto dry = post(path + "/revert?dry_run=true", R"({"version":1})");
  CHECK(dry.status == 200);
  CHECK(at(dry.body, "/results/0/status") == "reverted");
  CHECK(at(server().get(path).body, "/version") == "3");
  const http_headers keyed{{"Idempotency-Key", unique_word("revert")}, {"If-Match", "\"3\""}};
  const auto made = post(path + "/revert", R"({"version":1})", keyed);
  REQUIRE_MESSAGE(made.status == 200, made.body);
  const auto again = post(path + "/revert", R"({"version":1})", keyed);
  CHECK(again.header("idempotency-replayed") == "true");
  CHECK(again.body == made.body);
  CHECK(post(path + "/revert", R"({"version":2})", keyed).status == 422);
  CHECK(post(path + "/revert", R"({"version":2})", {{"Prefer", "return=minimal"}}).status == 204);
  REQUIRE(server().request("DELETE", path).status == 200);
  CHECK(post(path + "/revert", R"({"version":2})", {{"If-Match", "*"}}).status == 412);
}

TEST_CASE("revert: a unique value that another record holds by now is 409 naming the field") {
  const auto reference = unique_word("REF");
  const auto made = post("/api/clients", R"({"full_name":"A","reference_number":")" + reference + "\"}");
  const auto path = made.header("location");
  REQUIRE(server()
              .request("PATCH", path, {{"Content-Type", "application/json"}}, R"({"reference_number":null})")
              .status == 200);
  REQUIRE(post("/api/clients", R"({"full_name":"B","reference_number":")" + reference + "\"}").status == 201);
  const auto refused = post(path + "/revert", R"({"version":1})");
  CHECK(refused.status == 409);
  CHECK(at(refused.body, "/code") == "taken");
  CHECK(at(refused.body, "/errors/0/pointer") == "/reference_number");
}

TEST_CASE("revert: bad requests") {
  const auto path = changed_client();
  REQUIRE(server().request("DELETE", path).status == 200);
  const auto of_delete = post(path + "/revert", R"({"version":4})");
  CHECK(of_delete.status == 422);
  CHECK(at(of_delete.body, "/errors/0/pointer") == "/version");
  CHECK(post(path + "/revert", R"({"version":9})").status == 404);
  CHECK(post("/api/clients/nobody/revert", R"({"version":1})").status == 404);
  CHECK(post("/api/nobody/X/revert", R"({"version":1})").status == 404);
  for (const char* body : {"{}", "[]", "1", R"({"version":0})", R"({"version":1.5})", R"({"version":"1"})",
                           R"({"version":null})", R"({"version":1,"full_name":"A"})",
                           R"({"version":1,"expected_version":-1})", R"({"version":1,"version":2})"})
    CHECK_MESSAGE(post(path + "/revert", body).status == 422, body);
  CHECK(post(path + "/revert", "{").status == 400);
  CHECK(post(path + "/revert", "").status == 400);
  CHECK(post(path + "/revert?at=1", R"({"version":1})").status == 400);
  CHECK(server()
            .request("POST", path + "/revert", {{"Content-Type", "text/plain"}}, R"({"version":1})")
            .status == 415);
  CHECK(server().get(path + "/revert").status == 405);
}
