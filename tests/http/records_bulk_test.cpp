// Bulk requests over HTTP: lenient, strict, NDJSON, dry run.
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

const server_fixture& server() {
  return server_fixture::shared();
}

} // namespace

TEST_CASE("bulk: good items are saved, bad ones are reported in their places") {
  const auto stem = unique_word("B");
  const auto body = R"([{"id":")" + stem + R"(-1","full_name":"A"},{"id":")" + stem + R"(-2"},{"id":")" +
                    stem + R"(-3","full_name":"C","date_of_birth":"never"},{"id":")" + stem +
                    R"(-4","full_name":"D","expected_version":7},7])";
  const auto answer = server().post("/api/clients", body);
  CHECK(answer.status == 207);
  CHECK(at(answer.body, "/success") == "true");
  CHECK(at(answer.body, "/count") == "1");
  CHECK(at(answer.body, "/created") == "1");
  CHECK(at(answer.body, "/rejected") == "4");
  CHECK(at(answer.body, "/cursor") == answer.header("sync-position"));
  CHECK(at(answer.body, "/results/0/status") == "created");
  CHECK(at(answer.body, "/results/0/version") == "1");
  CHECK(at(answer.body, "/results/1/errors/0/pointer") == "/full_name");
  CHECK(at(answer.body, "/results/2/errors/0/pointer") == "/date_of_birth");
  CHECK(at(answer.body, "/results/2/id") == stem + "-3");
  CHECK(at(answer.body, "/results/3/code") == "stale_version");
  CHECK(at(answer.body, "/results/4/errors/0/pointer").empty());
  CHECK(server().get("/api/clients/" + stem + "-1").status == 200);
  CHECK(server().get("/api/clients/" + stem + "-3").status == 404);
}

TEST_CASE("bulk: the same record twice folds in order; records come with return=representation") {
  const auto id = unique_word("FOLD");
  const auto body = R"([{"id":")" + id + R"(","full_name":"A"},{"id":")" + id + R"(","phone":"1"},{"id":")" +
                    id + R"(","phone":"1"}])";
  const auto answer = server().post("/api/clients", body, {{"Prefer", "return=representation"}});
  CHECK(answer.status == 200);
  CHECK(answer.header("preference-applied") == "return=representation");
  CHECK(at(answer.body, "/results/0/status") == "created");
  CHECK(at(answer.body, "/results/1/status") == "updated");
  CHECK(at(answer.body, "/results/1/record/phone") == "1");
  CHECK(at(answer.body, "/results/2/status") == "unchanged");
  CHECK(at(server().get("/api/clients/" + id).body, "/version") == "2");
}

TEST_CASE("bulk: all rejected is 422, an empty array is 200") {
  const auto refused = server().post("/api/clients", R"([{"phone":"1"},{"phone":"2"}])");
  CHECK(refused.status == 422);
  CHECK(at(refused.body, "/success") == "false");
  CHECK(at(refused.body, "/count") == "0");
  CHECK(size_at(refused.body, "/results") == 2);
  const auto empty = server().post("/api/clients", "[]");
  CHECK(empty.status == 200);
  CHECK(at(empty.body, "/count") == "0");
}

TEST_CASE("strict bulk: one bad item and nothing is saved") {
  const auto stem = unique_word("S");
  const auto body = R"([{"id":")" + stem + R"(-1","full_name":"A"},{"id":")" + stem + R"(-2"},{"id":")" +
                    stem + R"(-3","full_name":"C"}])";
  const auto refused = server().post("/api/clients", body, {{"Prefer", "handling=strict"}});
  CHECK(refused.status == 422);
  CHECK(refused.header("preference-applied") == "handling=strict");
  CHECK(at(refused.body, "/success") == "false");
  CHECK(at(refused.body, "/count") == "0");
  CHECK(at(refused.body, "/rejected") == "1");
  CHECK(at(refused.body, "/aborted") == "2");
  CHECK(at(refused.body, "/results/0/status") == "aborted");
  CHECK(at(refused.body, "/results/1/status") == "rejected");
  CHECK(at(refused.body, "/results/1/errors/0/pointer") == "/full_name");
  for (const char* end : {"-1", "-2", "-3"})
    CHECK(server().get("/api/clients/" + stem + end).status == 404);
}

TEST_CASE("strict bulk: what is good is saved at contiguous positions") {
  const auto stem = unique_word("SC");
  std::string body = "[";
  for (int i = 0; i < 20; ++i)
    body += std::string(i > 0 ? "," : "") + R"({"id":")" + stem + "-" + std::to_string(i) +
            R"(","full_name":"A"})";
  const auto saved =
      server().post("/api/clients", body + "]", {{"Prefer", "handling=strict, return=representation"}});
  REQUIRE_MESSAGE(saved.status == 200, saved.body);
  const auto first = std::stoll(at(saved.body, "/results/0/record/position"));
  for (int i = 0; i < 20; ++i)
    CHECK(std::stoll(at(saved.body, "/results/" + std::to_string(i) + "/record/position")) == first + i);
}

TEST_CASE("ndjson: lines are items, a broken line is rejected with its number") {
  const auto stem = unique_word("N");
  const auto body = R"({"id":")" + stem + "-1\",\"full_name\":\"A\"}\n\n{\"id\":\n{\"id\":\"" + stem +
                    "-2\",\"full_name\":\"B\"}\n";
  const auto answer =
      server().request("POST", "/api/clients", {{"Content-Type", "application/x-ndjson"}}, body);
  CHECK(answer.status == 207);
  CHECK(at(answer.body, "/created") == "2");
  CHECK(at(answer.body, "/results/1/line") == "3");
  CHECK(at(answer.body, "/results/1/code") == "malformed");
  const auto listed =
      server().get("/api/clients?search=nothing-like-this", {{"Accept", "application/x-ndjson"}});
  CHECK(listed.status == 200);
  CHECK(listed.body.empty());
}

TEST_CASE("merge bulk: an array of patches changes what exists and names what does not") {
  const auto stem = unique_word("M");
  REQUIRE(server()
              .post("/api/clients", R"([{"id":")" + stem + R"(-1","full_name":"A","data":{"a":1}}])")
              .status == 200);
  const auto answer = server().request("PATCH", "/api/clients", {{"Content-Type", "application/json"}},
                                       R"([{"id":")" + stem + R"(-1","data":{"b":2}},{"id":")" + stem +
                                           R"(-2","phone":"1"},{"phone":"1"}])");
  CHECK(answer.status == 207);
  CHECK(at(answer.body, "/updated") == "1");
  CHECK(at(answer.body, "/results/1/code") == "not_found");
  CHECK(at(answer.body, "/results/2/errors/0/pointer") == "/id");
  CHECK(at(server().get("/api/clients/" + stem + "-1").body, "/data") == R"({"a":1,"b":2})");
}

TEST_CASE("dry run: reports what would happen and saves nothing") {
  const server_fixture own;
  REQUIRE(own.post("/api/clients", R"({"id":"D-1","full_name":"A"})").status == 201);
  const auto events = own.event_count();
  const auto answer = own.post(
      "/api/clients?dry_run=true",
      R"([{"id":"D-1","full_name":"A"},{"id":"D-1","phone":"1"},{"id":"D-2","full_name":"B"},{"id":"D-3"}])");
  CHECK(answer.status == 207);
  CHECK(at(answer.body, "/dry_run") == "true");
  CHECK(at(answer.body, "/results/0/status") == "unchanged");
  CHECK(at(answer.body, "/results/1/status") == "updated");
  CHECK(at(answer.body, "/results/2/status") == "created");
  CHECK(at(answer.body, "/results/3/status") == "rejected");
  const auto single = own.post("/api/clients?dry_run=1", R"({"id":"D-4","full_name":"A"})");
  CHECK(single.status == 200);
  CHECK(at(single.body, "/results/0/status") == "created");
  CHECK(own.request("DELETE", "/api/clients/D-1?dry_run=true").status == 200);
  CHECK(own.event_count() == events);
  CHECK(size_at(own.get("/api/clients").body) == 1);
  CHECK(at(own.get("/api/clients/D-1").body, "/version") == "1");
}
