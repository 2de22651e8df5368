// Saving one record: create or merge, conditions, preferences, retries.
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

const server_fixture& server() {
  return server_fixture::shared();
}
const http_headers json_body{{"Content-Type", "application/json"}};

http_headers json_with(std::string name, std::string value) {
  auto headers = json_body;
  headers.emplace_back(std::move(name), std::move(value));
  return headers;
}

} // namespace

TEST_CASE("save: POST replaces the fields it names as a whole, PATCH merges objects deeply") {
  const auto id = unique_word("CLT-deep");
  const auto path = "/api/clients/" + id;
  REQUIRE(
      server()
          .post("/api/clients", R"({"id":")" + id + R"(","full_name":"A","data":{"a":{"x":1,"y":2},"b":1}})")
          .status == 201);
  const auto merged = server().request("PATCH", path, {{"Content-Type", "application/merge-patch+json"}},
                                       R"({"data":{"a":{"y":null,"z":3}}})");
  REQUIRE_MESSAGE(merged.status == 200, merged.body);
  CHECK(at(merged.body, "/data") == R"({"a":{"x":1,"z":3},"b":1})");
  const auto replaced = server().post("/api/clients", R"({"id":")" + id + R"(","data":{"c":1}})");
  REQUIRE_MESSAGE(replaced.status == 200, replaced.body);
  CHECK(at(replaced.body, "/data") == R"({"c":1})");
  CHECK(at(replaced.body, "/full_name") == "A");
}

TEST_CASE("save: what differs in nothing is 200, the same version and no event") {
  const auto id = unique_word("CLT-same");
  const auto body = R"({"id":")" + id + R"(","full_name":"A","phone":"1"})";
  const auto first = server().post("/api/clients", body);
  REQUIRE(first.status == 201);
  const auto again = server().post("/api/clients", body);
  CHECK(again.status == 200);
  CHECK(again.header("etag") == "\"1\"");
  CHECK(again.body == first.body);
  const auto patched = server().request("PUT", "/api/clients/" + id, json_body, R"({"phone":"1"})");
  CHECK(patched.status == 200);
  CHECK(patched.header("etag") == "\"1\"");
}

TEST_CASE("save: bookkeeping in the body is ignored, ids in body and path must agree") {
  const auto id = unique_word("CLT-book");
  const auto made =
      server().post("/api/clients",
                    R"({"id":")" + id +
                        R"(","full_name":"A","version":99,"position":5,"created_at":"x","updated_at":null})");
  REQUIRE_MESSAGE(made.status == 201, made.body);
  CHECK(at(made.body, "/version") == "1");
  const auto refused =
      server().request("PUT", "/api/clients/" + id, json_body, R"({"id":"other","phone":"1"})");
  CHECK(refused.status == 422);
  CHECK(at(refused.body, "/errors/0/pointer") == "/id");
  CHECK(server().request("PUT", "/api/clients", json_body, R"({"phone":"1"})").status == 422);
  CHECK(server().request("PUT", "/api/clients/" + id, json_body, R"([{"phone":"1"}])").status == 400);
}

TEST_CASE("conditions: If-Match holds for the current version and nothing else") {
  const auto id = unique_word("CLT-match");
  const auto path = "/api/clients/" + id;
  REQUIRE(server().post("/api/clients", R"({"id":")" + id + R"(","full_name":"A"})").status == 201);
  const auto put = [&](const std::string& tag) {
    return server().request("PUT", path, json_with("If-Match", tag), R"({"phone":"9"})");
  };
  CHECK(put("W/\"1\"").status == 400);
  CHECK(put("\"2\"").status == 412);
  CHECK(put("\"nonsense\"").status == 412);
  CHECK(put("*").status == 200);
  CHECK(put("\"2\"").status == 200);
  const auto stale = server().request("DELETE", path, {{"If-Match", "\"1\""}});
  CHECK(stale.status == 412);
  CHECK(at(stale.body, "/current/version") == "2");
  CHECK(server().request("DELETE", path, {{"If-Match", "\"2\""}}).status == 200);
  CHECK(put("*").status == 404);
}

TEST_CASE("conditions: POST with If-Match, If-None-Match: * and expected_version") {
  const auto id = unique_word("CLT-post");
  const auto body = R"({"id":")" + id + R"(","full_name":"A"})";
  CHECK(server().post("/api/clients", body, {{"If-Match", "*"}}).status == 412);
  CHECK(server().post("/api/clients", body, {{"If-Match", "\"1\""}}).status == 412);
  CHECK(server().post("/api/clients", body, {{"If-None-Match", "*"}}).status == 201);
  const auto refused = server().post("/api/clients", body, {{"If-None-Match", "*"}});
  CHECK(refused.status == 412);
  CHECK(at(refused.body, "/current/id") == id);
  CHECK(server().post("/api/clients", body, {{"If-Match", "*"}}).status == 200);
  CHECK(server().post("/api/clients", R"({"id":")" + id + R"(","phone":"1","expected_version":1})").status ==
        200);
  CHECK(server().post("/api/clients", R"({"id":")" + id + R"(","phone":"2","expected_version":1})").status ==
        409);
  CHECK(server()
            .post("/api/clients", R"({"id":")" + id + R"(","phone":"2","expected_version":2})",
                  {{"If-Match", "\"1\""}})
            .status == 400);
  CHECK(server().post("/api/clients", "[" + body + "]", {{"If-Match", "\"2\""}}).status == 400);
}

TEST_CASE("preferences: return=minimal answers without a body and says so") {
  const auto id = unique_word("CLT-minimal");
  const auto made = server().post("/api/clients", R"({"id":")" + id + R"(","full_name":"A"})",
                                  {{"Prefer", "return=minimal"}});
  CHECK(made.status == 201);
  CHECK(made.body.empty());
  CHECK(made.header("preference-applied") == "return=minimal");
  CHECK(made.header("etag") == "\"1\"");
  const auto changed = server().request("PUT", "/api/clients/" + id, json_with("Prefer", "return=minimal"),
                                        R"({"phone":"1"})");
  CHECK(changed.status == 204);
  CHECK(changed.header("etag") == "\"2\"");
}

TEST_CASE("retries: the same key and request answer the first outcome, another request is 422") {
  const auto key = unique_word("key-");
  const auto name = unique_word("Once");
  const auto body = R"({"full_name":")" + name + "\"}";
  const auto first = server().post("/api/clients", body, {{"Idempotency-Key", key}});
  REQUIRE(first.status == 201);
  CHECK(first.count("idempotency-replayed") == 0);
  const auto again = server().post("/api/clients", body, {{"Idempotency-Key", key}});
  CHECK(again.status == 201);
  CHECK(again.body == first.body);
  CHECK(again.header("idempotency-replayed") == "true");
  CHECK(again.header("sync-position") == first.header("sync-position"));
  CHECK(again.header("location") == first.header("location"));
  CHECK(size_at(server().get("/api/clients?search=" + name).body) == 1);
  const auto other = server().post("/api/clients", R"({"full_name":"Other"})", {{"Idempotency-Key", key}});
  CHECK(other.status == 422);
  CHECK(at(other.body, "/code") == "idempotency_mismatch");
}

TEST_CASE("retries: a refusal by the state is kept, a bulk is answered again item by item") {
  const auto key = unique_word("key-");
  const auto id = unique_word("CLT-kept");
  const auto put = [&] {
    return server().request("PUT", "/api/clients/" + id, json_with("Idempotency-Key", key),
                            R"({"phone":"1"})");
  };
  CHECK(put().status == 404);
  REQUIRE(server().post("/api/clients", R"({"id":")" + id + R"(","full_name":"A"})").status == 201);
  const auto kept = put();
  CHECK(kept.status == 404);
  CHECK(kept.header("idempotency-replayed") == "true");
  const auto body = R"([{"id":")" + id + R"(-b","full_name":"B"},{"full_name":[],"id":")" + id +
                    R"(-c"},{"id":")" + id + R"(","phone":"7"}])";
  const auto first = server().post("/api/clients", body, {{"Idempotency-Key", key + "-bulk"}});
  const auto again = server().post("/api/clients", body, {{"Idempotency-Key", key + "-bulk"}});
  CHECK(first.status == 207);
  CHECK(again.status == 207);
  CHECK(again.body == first.body);
  CHECK(again.header("idempotency-replayed") == "true");
}

TEST_CASE("retries: a dry run does not use up its key") {
  const auto key = unique_word("key-");
  const auto body = R"({"full_name":"Dry"})";
  CHECK(server().post("/api/clients?dry_run=true", body, {{"Idempotency-Key", key}}).status == 200);
  CHECK(server().post("/api/clients", body, {{"Idempotency-Key", key}}).status == 201);
}

TEST_CASE("ids: any text that is allowed makes the round trip through body, Location and path") {
  for (const std::string id : {"a b", "ünï", "100%", "a?b#c", "a+b", "~"}) {
    CAPTURE(id);
    const auto made = server().post("/api/clients", R"({"id":")" + id + R"(","full_name":"A"})");
    REQUIRE_MESSAGE((made.status == 201 || made.status == 200), made.body);
    const auto got = server().get(made.header("location"));
    CHECK(got.status == 200);
    CHECK(at(got.body, "/id") == id);
  }
}

TEST_CASE("delete: several ids are one request; count tells how many there were") {
  const auto stem = unique_word("CLT-many");
  REQUIRE(server()
              .post("/api/clients", R"([{"id":")" + stem + R"(-1","full_name":"A"},{"id":")" + stem +
                                        R"(-2","full_name":"B"}])")
              .status == 200);
  const auto gone = server().request("DELETE", "/api/clients?id=" + stem + "-1&id=" + stem + "-2&id=" + stem +
                                                   "-3&id=" + stem + "-1");
  CHECK(gone.status == 200);
  CHECK(at(gone.body, "/count") == "2");
  CHECK(server().request("DELETE", "/api/clients?id=" + stem + "-1&id=" + stem + "-2").status == 404);
}
