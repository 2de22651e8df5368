// What bad input gets on the record routes: the right status, a pointer or place, and nothing saved.
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include <algorithm>
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

const server_fixture& server() {
  return server_fixture::shared();
}

http_reply post_client(std::string_view body) {
  return server().post("/api/clients", body);
}

std::string nested(int depth) {
  std::string text = R"({"full_name":"A","data":)";
  for (int i = 0; i < depth; ++i)
    text += R"({"x":)";
  text += "1";
  return text + std::string(static_cast<std::size_t>(depth) + 1, '}');
}

} // namespace

TEST_CASE("bad input: malformed JSON is 400 with line and column") {
  const auto refused = post_client("{\"full_name\": \"A\",\n \"phone\": }");
  CHECK(refused.status == 400);
  CHECK(refused.header("content-type") == "application/problem+json");
  CHECK(at(refused.body, "/code") == "malformed");
  CHECK(at(refused.body, "/line") == "2");
  CHECK(at(refused.body, "/column") != "(absent)");
  for (const char* body : {"", " ", "{", "[", "nonsense", "{\"a\":1}x", "{'a':1}", "\xff\xfe"}) {
    CAPTURE(body);
    CHECK(post_client(body).status == 400);
  }
}

TEST_CASE("bad input: fields that are wrong are 422, each with its pointer, all at once") {
  const auto refused =
      server().post("/api/appointments",
                    R"({"ful_name":"A","date":"2026-02-30","time":"25:00","phone":5.5,"notes":{"a":1}})");
  CHECK(refused.status == 422);
  std::vector<std::string> pointers;
  for (std::size_t i = 0; i < size_at(refused.body, "/errors"); ++i)
    pointers.push_back(at(refused.body, "/errors/" + std::to_string(i) + "/pointer"));
  for (const char* pointer : {"/ful_name", "/date", "/time", "/notes"}) {
    CAPTURE(pointer);
    CHECK(std::find(pointers.begin(), pointers.end(), pointer) != pointers.end());
  }
}

TEST_CASE("bad input: a table of refusals with their pointers") {
  struct refusal {
    const char* body;
    const char* pointer;
  };
  constexpr refusal table[] = {
      {R"({"phone":"1"})", "/full_name"},
      {R"({"full_name":null})", "/full_name"},
      {R"({"full_name":"A","nonsense":1})", "/nonsense"},
      {R"({"full_name":["A"]})", "/full_name"},
      {R"({"full_name":"A","date_of_birth":"1985-02-29"})", "/date_of_birth"},
      {R"({"full_name":"A","date_of_birth":"14/07/1985"})", "/date_of_birth"},
      {R"({"full_name":"A\u0000"})", "/full_name"},
      {R"({"full_name":"A","data":{"x":["\u0000"]}})", "/data/x/0"},
      {R"({"full_name":"A\ud800"})", "/full_name"},
      {R"({"full_name":"A","full_name":"B"})", "/full_name"},
      {R"({"full_name":"A","fullName":"B"})", "/fullName"},
      {R"({"full_name":"A","data":5})", "/data"},
      {R"({"full_name":"A","id":"a/b"})", "/id"},
      {R"({"full_name":"A","id":".."})", "/id"},
      {R"({"full_name":"A","expected_version":"x"})", "/expected_version"},
      {R"("text")", ""},
      {"5", ""},
      {"null", ""},
  };
  for (const auto& [body, pointer] : table) {
    CAPTURE(body);
    const auto refused = post_client(body);
    CHECK_MESSAGE(refused.status == 422, refused.body);
    CHECK(at(refused.body, "/errors/0/pointer") == pointer);
    CHECK(at(refused.body, "/type").starts_with("/problems/"));
  }
  const auto long_id = std::string(256, 'x');
  CHECK(post_client(R"({"full_name":"A","id":")" + long_id + "\"}").status == 422);
}

TEST_CASE("bad input: JSON nested deeper than 64 is 422 with a pointer; 64 are fine") {
  const auto refused = post_client(nested(64));
  CHECK(refused.status == 422);
  CHECK(at(refused.body, "/errors/0/pointer").starts_with("/data/x/x"));
  CHECK(post_client(nested(62)).status == 201);
  CHECK(post_client(std::string(200'000, '[')).status == 422);
}

TEST_CASE("bad input: unknown query parameters are 400 and name the known ones") {
  const auto list = server().get("/api/clients?brnch=north");
  CHECK(list.status == 400);
  CHECK(at(list.body, "/detail").find("branch") != std::string::npos);
  CHECK(server().get("/api/clients?limit=0").status == 400);
  CHECK(server().get("/api/clients?limit=10001").status == 400);
  CHECK(server().get("/api/clients?sort=nonsense").status == 400);
  CHECK(server().get("/api/clients?cursor=nonsense&limit=5").status == 400);
  CHECK(server().get("/api/clients?at=nonsense").status == 400);
  CHECK(server().get("/api/clients/X?version=none").status == 400);
  CHECK(server().get("/api/clients/X?branch=north").status == 400);
  CHECK(server().get("/api/clients?id=X&branch=north").status == 400);
  const auto post = server().post("/api/clients?dryrun=true", R"({"full_name":"A"})");
  CHECK(post.status == 400);
  CHECK(at(post.body, "/detail").find("dry_run") != std::string::npos);
  CHECK(server().post("/api/clients?dry_run=perhaps", R"({"full_name":"A"})").status == 400);
  CHECK(server().post("/api/clients?map=A:b", R"({"full_name":"A"})").status == 400);
  CHECK(server().request("DELETE", "/api/clients").status == 400);
}

TEST_CASE("bad input: unknown entities and ids are 404") {
  CHECK(server().get("/api/nobody").status == 404);
  CHECK(server().post("/api/nobody", "{}").status == 404);
  CHECK(server().get("/api/clients/nobody").status == 404);
  CHECK(server().request("DELETE", "/api/clients/nobody").status == 404);
  CHECK(server().request("DELETE", "/api/clients?id=a%2Fb").status == 404);
  CHECK(
      server()
          .request("PATCH", "/api/clients/nobody", {{"Content-Type", "application/json"}}, R"({"phone":"1"})")
          .status == 404);
}

TEST_CASE("bad input: wrong content types are 415, unanswerable Accepts 406") {
  const std::string body = R"({"full_name":"A"})";
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                           "application/json; charset=utf-16"}) {
    CAPTURE(type);
    const auto refused = server().request("POST", "/api/clients", {{"Content-Type", type}}, body);
    CHECK(refused.status == 415);
    CHECK(at(refused.body, "/detail").find("application/json") != std::string::npos);
  }
  CHECK(server().request("POST", "/api/clients", {}, body).status == 415);
  CHECK(server().request("PATCH", "/api/clients/X", {{"Content-Type", "text/csv"}}, "id\nX\n").status == 415);
  CHECK(server()
            .request("PATCH", "/api/clients/X", {{"Content-Type", "application/json-patch+json"}}, "[]")
            .status == 415);
  CHECK(server().get("/api/clients", {{"Accept", "text/html"}}).status == 406);
  CHECK(server().get("/api/clients", {{"Accept", "image/png"}}).status == 406);
  CHECK(server().get("/api/clients/X", {{"Accept", "text/csv"}}).status == 406);
}

TEST_CASE("bad input: bodies and bulks over their bounds are 413") {
  const server_fixture small({.arguments = {"--max-body", "20000", "--max-items", "3"}});
  CHECK(small.post("/api/clients", R"({"full_name":")" + std::string(30'000, 'x') + "\"}").status == 413);
  CHECK(small.post("/api/clients", R"([{"full_name":"A"},{"full_name":"B"},{"full_name":"C"}])").status ==
        200);
  CHECK(small
            .post("/api/clients",
                  R"([{"full_name":"A"},{"full_name":"B"},{"full_name":"C"},{"full_name":"D"}])")
            .status == 413);
  const auto csv =
      small.request("POST", "/api/clients", {{"Content-Type", "text/csv"}}, "full_name\na\nb\nc\nd\n");
  CHECK(csv.status == 413);
  std::string array = "[{}", lines = "full_name\n";
  for (int one = 0; one < 300; ++one) {
    array += R"(,{"full_name":"A"})";
    lines += "a\n";
  }
  CHECK(small.post("/api/clients", array + "]").status == 413);
  CHECK(small.request("POST", "/api/clients", {{"Content-Type", "text/csv"}}, lines).status == 413);
  CHECK(small.event_count() == 3);
}

TEST_CASE("bad input: a record over 1 MiB is 413") {
  const auto refused =
      post_client(R"({"full_name":"A","data":{"x":")" + std::string(1'100'000, 'x') + "\"}}");
  CHECK(refused.status == 413);
}

TEST_CASE("bad input: a unique value that is taken is 409 and names the field") {
  const auto reference = unique_word("TAKEN");
  const auto held = post_client(R"({"id":")" + reference + R"(-1","full_name":"A","reference_number":")" +
                                reference + "\"}");
  REQUIRE(held.status == 201);
  const auto refused = post_client(R"({"id":")" + reference + R"(-2","full_name":"B","reference_number":")" +
                                   reference + "\"}");
  CHECK(refused.status == 409);
  CHECK(at(refused.body, "/code") == "taken");
  CHECK(at(refused.body, "/errors/0/pointer") == "/reference_number");
  CHECK(server().get("/api/clients/" + reference + "-2").status == 404);
  // Without an id of its own it is the same record.
  CHECK(post_client(R"({"full_name":"C","reference_number":")" + reference + "\"}").status == 200);
  CHECK(at(server().get("/api/clients/" + reference + "-1").body, "/full_name") == "C");
}

TEST_CASE("bad input: Idempotency-Key is bounded") {
  const auto with_key = [](const std::string& key) {
    return server().post("/api/clients", R"({"full_name":"A"})", {{"Idempotency-Key", key}}).status;
  };
  CHECK(with_key(std::string(255, 'k')) == 201);
  CHECK(with_key(std::string(256, 'k')) == 400);
  CHECK(with_key("\xc3\xa4") == 400);
}
