// What existing pages send: their habits must work unchanged.
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

const http_headers json_body{{"Content-Type", "application/json"}};

} // namespace

TEST_CASE("pages: a list is a bare array of flat records, all of them, newest first") {
  const server_fixture server;
  CHECK(server.get("/api/clients").body == "[]");
  for (const char* name : {"First", "Second", "Third"})
    REQUIRE(server.post("/api/clients", std::string(R"({"fullName":")") + name + "\"}").status == 201);
  const auto list = server.get("/api/clients");
  CHECK(list.status == 200);
  CHECK(list.header("content-type") == "application/json");
  CHECK(column(list.body, "full_name") == std::vector<std::string>{"Third", "Second", "First"});
  CHECK(at(list.body, "/0/reference_number") == "null");
  CHECK(at(list.body, "/0/id").starts_with("CLT-"));
}

TEST_CASE("pages: search, filter and limit together answer an array") {
  const server_fixture server;
  std::string body = "[";
  for (int i = 0; i < 8; ++i) {
    if (i > 0) body += ",";
    body += R"({"name":"Ab )" + std::to_string(i) + R"(","code":"AB)" + std::to_string(i) +
            R"(","status":")" + (i < 7 ? "active" : "closed") + "\"}";
  }
  REQUIRE(server.post("/api/distributors", body + "]").status == 200);
  const auto list = server.get("/api/distributors?search=ab&status=active&limit=5");
  CHECK(list.status == 200);
  CHECK(size_at(list.body) == 5);
  CHECK(list.header("link").find("rel=\"next\"") != std::string::npos);
  CHECK(size_at(server.get("/api/distributors?search=ab&status=active").body) == 7);
}

TEST_CASE("pages: ?id= answers one object, or 404") {
  const auto& server = server_fixture::shared();
  const auto id = unique_word("CLT-page");
  REQUIRE(server.post("/api/clients", R"({"id":")" + id + R"(","full_name":"A"})").status == 201);
  const auto one = server.get("/api/clients?id=" + id);
  CHECK(one.status == 200);
  CHECK(at(one.body, "/id") == id);
  CHECK(server.get("/api/clients?id=CLT-nobody").status == 404);
}

TEST_CASE("pages: field names come in camelCase and under older names") {
  const auto& server = server_fixture::shared();
  const auto reference = unique_word("REF");
  const auto client = server.post("/api/clients", R"({"fullName":"Ann","referenceNumber":")" + reference +
                                                      R"(","dateOfBirth":"1990-01-02"})");
  REQUIRE_MESSAGE(client.status == 201, client.body);
  CHECK(at(client.body, "/full_name") == "Ann");
  CHECK(at(client.body, "/reference_number") == reference);
  CHECK(at(client.body, "/date_of_birth") == "1990-01-02");
  const auto appointment =
      server.post("/api/appointments", R"({"fullName":"Ann","clientReference":")" + reference +
                                           R"(","date":"2026-11-23","time":"10:00"})");
  REQUIRE_MESSAGE(appointment.status == 201, appointment.body);
  CHECK(at(appointment.body, "/client_reference") == reference);
  CHECK(at(appointment.body, "/status") == "pending");
  const auto code = unique_word("DC");
  const auto distributor =
      server.post("/api/distributors",
                  R"({"name":"Shop","code":")" + code + R"(","mobile":"08","agreementData":{"a":1}})");
  REQUIRE_MESSAGE(distributor.status == 201, distributor.body);
  CHECK(at(distributor.body, "/distributor_name") == "Shop");
  CHECK(at(distributor.body, "/distributor_code") == code);
  CHECK(at(distributor.body, "/mobile_no") == "08");
  CHECK(at(distributor.body, "/agreement_data") == R"({"a":1})");
}

TEST_CASE("pages: data that arrives as a string of JSON is stored and answered as an object") {
  const auto& server = server_fixture::shared();
  const auto made = server.post("/api/clients", R"({"full_name":"Ann","data":"{\"height\":170}"})");
  REQUIRE_MESSAGE(made.status == 201, made.body);
  CHECK(at(made.body, "/data") == R"({"height":170})");
  const auto refused = server.post("/api/clients", R"({"full_name":"Ann","data":"height 170"})");
  CHECK(refused.status == 422);
  CHECK(at(refused.body, "/errors/0/pointer") == "/data");
}

TEST_CASE(
    "pages: null and missing are the same on create; an empty string is null where text means nothing") {
  const auto& server = server_fixture::shared();
  const auto made = server.post(
      "/api/leave-requests",
      R"({"employee_id":"E","employee_name":"N","start_date":"2026-12-01","end_date":"2026-12-02","days_requested":"","approved_at":"","status":null})");
  REQUIRE_MESSAGE(made.status == 201, made.body);
  CHECK(at(made.body, "/days_requested") == "null");
  CHECK(at(made.body, "/approved_at") == "null");
  CHECK(at(made.body, "/status") == "pending");
  CHECK(server.post("/api/clients", R"({"full_name":"A","reference_number":""})").status == 201);
  CHECK(server.post("/api/clients", R"({"full_name":"B","reference_number":""})").status == 201);
}

TEST_CASE("pages: dates take RFC 3339, times come with and without seconds, amounts keep their decimals") {
  const auto& server = server_fixture::shared();
  const auto made =
      server.post("/api/appointments", R"({"full_name":"A","date":"2026-11-23T18:30:00Z","time":"10:00"})");
  REQUIRE_MESSAGE(made.status == 201, made.body);
  CHECK(at(made.body, "/date") == "2026-11-23");
  const auto longer =
      server.post("/api/appointments", R"({"full_name":"A","date":"2026-11-23","time":"10:00:00"})");
  REQUIRE(longer.status == 201);
  CHECK(at(longer.body, "/time") == at(made.body, "/time"));
  const auto refused = server.post("/api/finance-cash-requests", R"({"branch":"n","amount":1.005})");
  CHECK(refused.status == 422);
  CHECK(at(refused.body, "/errors/0/pointer") == "/amount");
}

TEST_CASE("pages: save all posts the whole list again; what is identical makes no event") {
  const server_fixture server;
  for (int i = 0; i < 5; ++i)
    REQUIRE(server.post("/api/clients", R"({"full_name":"C)" + std::to_string(i) + "\"}").status == 201);
  const auto list = server.get("/api/clients").body;
  const auto events = server.event_count();
  const auto same = server.post("/api/clients", list);
  CHECK(same.status == 200);
  CHECK(at(same.body, "/unchanged") == "5");
  CHECK(server.event_count() == events);
  auto changed = list;
  changed.replace(changed.find("\"C2\""), 4, "\"Changed\"");
  const auto saved = server.post("/api/clients", changed);
  CHECK(saved.status == 200);
  CHECK(at(saved.body, "/updated") == "1");
  CHECK(at(saved.body, "/unchanged") == "4");
  CHECK(server.event_count() == events + 1);
}

TEST_CASE("pages: PUT with an id in the body changes just those fields; DELETE by ?id=") {
  const auto& server = server_fixture::shared();
  const auto id = unique_word("CLT-put");
  REQUIRE(server.post("/api/clients", R"({"id":")" + id + R"(","full_name":"A","phone":"1","city":"K"})")
              .status == 201);
  const auto changed =
      server.request("PUT", "/api/clients", json_body, R"({"id":")" + id + R"(","phone":"2","city":null})");
  REQUIRE_MESSAGE(changed.status == 200, changed.body);
  CHECK(at(changed.body, "/full_name") == "A");
  CHECK(at(changed.body, "/phone") == "2");
  CHECK(at(changed.body, "/city") == "null");
  CHECK(server.request("DELETE", "/api/clients?id=" + id).status == 200);
  CHECK(server.get("/api/clients?id=" + id).status == 404);
}

TEST_CASE("pages: another origin on the list is answered with CORS, and OPTIONS too") {
  const server_fixture server({.arguments = {"--cors-origin", "http://pages.example"}});
  const auto list = server.get("/api/clients", {{"Origin", "http://pages.example"}});
  CHECK(list.status == 200);
  CHECK(list.header("access-control-allow-origin") == "http://pages.example");
  const auto preflight = server.request("OPTIONS", "/api/clients",
                                        {{"Origin", "http://pages.example"},
                                         {"Access-Control-Request-Method", "PUT"},
                                         {"Access-Control-Request-Headers", "content-type"}});
  CHECK(preflight.status == 204);
  CHECK(preflight.header("access-control-allow-methods").find("PUT") != std::string::npos);
}
