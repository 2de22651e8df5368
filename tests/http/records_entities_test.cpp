// Every entity through HTTP: create, get, list with each of its filters, search, merge, stale write, delete,
// re-create, bulk, CSV.
#include "core/entity.hpp"
#include "http/handlers/records_common.hpp"
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <stdlib.h>

using namespace synclog::tests;
namespace core = synclog::core;

namespace {

struct sample {
  const char* entity;
  const char* fields; // without braces: all columns that filters name
  const char* other;  // another record that no filter of the first finds
  const char* search; // a word that only the first holds
  const char* patch_field;
  const char* patch_value;
};

constexpr sample samples[] = {
    {"distributors",
     R"("distributor_code":"D-100","distributor_name":"Änne Øst","mobile_no":"0812","commission_rate":2.5,"status":"paused","branch":"north","entity_type":"shop","agreement_data":{"a":{"b":1}})",
     R"("distributor_code":"D-200","distributor_name":"Zoe","branch":"south")", "anne", "location", "Penang"},
    {"clients",
     R"("reference_number":"R-100","full_name":"Maria José","phone":"0811","email":"m@example.org","date_of_birth":"1985-07-14","branch":"north","data":{"k":[1,2]})",
     R"("reference_number":"R-200","full_name":"Zoe","phone":"0822","branch":"south")", "JOSE", "city",
     "Ipoh"},
    {"appointments",
     R"("client_reference":"R-100","full_name":"Maria","phone":"0811","date":"2026-11-23","time":"10:00","branch":"north","type":"Full Body Check-Up","status":"done","notes":"n","data":{"form":{"x":true}})",
     R"("full_name":"Zoe","date":"2026-11-24","time":"11:30","branch":"south")", "r-100", "notes", "late"},
    {"stock-requests",
     R"("request_number":"Q-100","requesting_branch":"north","request_type":"normal","status":"done","items":[{"sku":"A","n":2}],"notes":"Urgent gloves","created_by":"stock-1")",
     R"("request_number":"Q-200","requesting_branch":"south","items":[{"sku":"B"}])", "gloves", "approved_by",
     "boss"},
    {"visits",
     R"("client_reference":"R-100","distributor_code":"D-100","visit_date":"2026-11-23","branch":"north","visit_type":"home","notes":"met the family")",
     R"("client_reference":"R-200","visit_date":"2026-11-24","branch":"south")", "family", "created_by",
     "consultant"},
    {"campaigns",
     R"("name":"Autumn Fair","description":"in all branches","start_date":"2026-10-01","end_date":"2026-10-31","status":"done","branch":"north")",
     R"("name":"Spring","start_date":"2026-03-01","branch":"south")", "autumn", "created_by", "office"},
    {"finance-cash-requests",
     R"("request_number":"F-100","branch":"north","amount":1250.50,"purpose":"printer paper","status":"done","requested_by":"desk")",
     R"("request_number":"F-200","branch":"south","amount":7)", "printer", "approved_by", "boss"},
    {"leave-requests",
     R"("employee_id":"E-100","employee_name":"Ravi","leave_type":"annual","start_date":"2026-12-01","end_date":"2026-12-05","days_requested":5,"reason":"wedding","status":"done","branch":"north")",
     R"("employee_id":"E-200","employee_name":"Zoe","start_date":"2026-12-01","end_date":"2026-12-02","branch":"south")",
     "wedding", "approved_by", "boss"},
};

// A ninth entity is one file.
constexpr std::string_view vehicles = R"json({
  "title": "Vehicles", "type": "object", "additionalProperties": false, "x-revision": 1, "x-table": "vehicles",
  "x-prefix": "VEH", "required": ["plate"],
  "properties": {
    "plate": {"type": "string", "maxLength": 12}, "model": {"type": "string"}, "bought_date": {"type": "string", "format": "date"},
    "price": {"type": "number"}, "seats": {"type": "integer"}, "state": {"type": "string", "default": "ready"},
    "branch": {"type": "string"}, "data": {"type": "object"}
  },
  "x-unique": ["plate"], "x-key": "plate",
  "x-filters": {"branch": "branch", "state": "state", "bought": "bought_date"},
  "x-search": ["plate", "model"], "x-order": ["-created_at"], "x-branch": "branch", "x-rest": "data",
  "x-aliases": {"licensePlate": "plate"}
})json";

constexpr sample ninth{
    "vehicles",
    R"("licensePlate":"WXY 100","model":"Häuler","bought_date":"2026-11-23","price":12.5,"seats":3,"state":"away","branch":"north","data":{"k":1})",
    R"("plate":"WXY 200","branch":"south")",
    "hauler",
    "model",
    "van"};

// A folder with the ninth definition, gone with the object.
class entity_folder {
 public:
  entity_folder() : path_((std::filesystem::temp_directory_path() / "synclog-entities-XXXXXX").string()) {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
    std::ofstream(path_ + "/vehicles.json") << vehicles;
  }
  ~entity_folder() { std::filesystem::remove_all(path_); }
  entity_folder(const entity_folder&) = delete;
  entity_folder& operator=(const entity_folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string object(const std::string& id, std::string_view fields) {
  return R"({"id":")" + id + "\"," + std::string(fields) + "}";
}

// One entity's life on a server of its own.
struct entity_life {
  const server_fixture& server;
  const core::catalog& entities;
  const sample& of;
  std::string path = std::string("/api/") + of.entity;
  std::string one = std::string("X-") + of.entity + "-1";
  std::string two = std::string("X-") + of.entity + "-2";

  void create_and_get() const {
    const auto created = server.post(path, object(one, of.fields));
    REQUIRE_MESSAGE(created.status == 201, created.body);
    CHECK(created.header("location") == path + "/" + one);
    CHECK(created.header("etag") == "\"1\"");
    CHECK(created.header("content-type") == "application/json");
    CHECK(!created.header("sync-position").empty());
    CHECK(at(created.body, "/version") == "1");
    const auto got = server.get(path + "/" + one);
    CHECK(got.status == 200);
    CHECK(got.body == created.body);
    CHECK(got.header("etag") == "\"1\"");
    CHECK(server.get(path + "?id=" + one).body == created.body);
    CHECK(server.get(path + "/" + one, {{"If-None-Match", "\"1\""}}).status == 304);
    CHECK(server.get(path + "/X-none").status == 404);
    REQUIRE(server.post(path, object(two, of.other)).status == 201);
    CHECK(server.post(path, object(one, of.fields)).status == 200);
    CHECK(at(server.get(path + "/" + one).body, "/version") == "1");
  }

  void list_by_each_filter() const {
    const auto record = server.get(path + "/" + one).body;
    for (const auto& [query, field] : entities.find(of.entity)->filters) {
      CAPTURE(query);
      const auto value = at(record, "/" + field);
      REQUIRE(value != "null");
      const auto found =
          server.get(path + "?" + query + "=" + synclog::http::handlers::percent_encoded(value));
      REQUIRE_MESSAGE(found.status == 200, found.body);
      CHECK(column(found.body, "id") == std::vector<std::string>{one});
      const auto none = server.get(path + "?" + query + "=" +
                                   (field.find("date") == std::string::npos ? "nothing" : "1999-01-01"));
      CHECK(none.body == "[]");
    }
    CHECK(column(server.get(path + "?search=" + of.search).body, "id") == std::vector<std::string>{one});
    CHECK(size_at(server.get(path).body) == 2);
    CHECK(column(server.get(path + "?sort=id").body, "id") == std::vector<std::string>{one, two});
  }

  void merge_and_stale_write() const {
    const auto patch = std::string(R"({")") + of.patch_field + R"(":")" + of.patch_value + "\"}";
    const http_headers json{{"Content-Type", "application/json"}};
    const auto merged = server.request("PUT", path + "/" + one, json, patch);
    REQUIRE_MESSAGE(merged.status == 200, merged.body);
    CHECK(merged.header("etag") == "\"2\"");
    CHECK(at(merged.body, std::string("/") + of.patch_field) == of.patch_value);
    const http_headers stale{{"Content-Type", "application/merge-patch+json"}, {"If-Match", "\"1\""}};
    const auto refused = server.request("PATCH", path + "/" + one, stale, patch);
    CHECK(refused.status == 412);
    CHECK(at(refused.body, "/current/version") == "2");
    const auto body = object(one, std::string(R"("expected_version":1,")") + of.patch_field + R"(":"x")");
    const auto conflict = server.request("PUT", path, json, body);
    CHECK(conflict.status == 409);
    CHECK(at(conflict.body, "/code") == "stale_version");
    CHECK(at(conflict.body, "/current/id") == one);
    CHECK(server.request("PUT", path + "/X-none", json, patch).status == 404);
  }

  void delete_and_create_again() const {
    const auto gone = server.request("DELETE", path + "?id=" + one);
    REQUIRE_MESSAGE(gone.status == 200, gone.body);
    CHECK(at(gone.body, "/success") == "true");
    CHECK(at(gone.body, "/count") == "1");
    CHECK(at(gone.body, "/cursor") == gone.header("sync-position"));
    CHECK(server.get(path + "/" + one).status == 404);
    CHECK(server.request("DELETE", path + "/" + one).status == 404);
    const auto again = server.post(path, object(one, of.fields));
    CHECK(again.status == 201);
    CHECK(again.header("etag") == "\"4\"");
  }

  void bulk() const {
    const auto body = "[" + object(one, of.fields) + "," +
                      object(two, std::string(of.other) + ",\"nonsense\":1") + "," + object(two, of.other) +
                      "]";
    const auto answer = server.post(path, body);
    CHECK(answer.status == 207);
    CHECK(at(answer.body, "/count") == "2");
    CHECK(at(answer.body, "/unchanged") == "2");
    CHECK(at(answer.body, "/rejected") == "1");
    CHECK(at(answer.body, "/results/1/errors/0/pointer") == "/nonsense");
    CHECK(at(answer.body, "/results/2/status") == "unchanged");
  }

  void csv_round_trip() const {
    const auto exported = server.get(path, {{"Accept", "text/csv"}});
    REQUIRE(exported.status == 200);
    CHECK(exported.header("content-type").starts_with("text/csv"));
    CHECK(exported.header("content-disposition").find(".csv") != std::string::npos);
    const auto events = server.event_count();
    const auto imported = server.request("POST", path, {{"Content-Type", "text/csv"}}, exported.body);
    CHECK_MESSAGE(imported.status == 200, imported.body);
    CHECK(at(imported.body, "/unchanged") == "2");
    CHECK(server.event_count() == events);
  }
};

void live(const server_fixture& server, const core::catalog& entities, const sample& of) {
  CAPTURE(of.entity);
  const entity_life life{server, entities, of};
  life.create_and_get();
  life.list_by_each_filter();
  life.merge_and_stale_write();
  life.delete_and_create_again();
  life.bulk();
  life.csv_round_trip();
}

} // namespace

TEST_CASE("each entity: create, get, filters, search, merge, stale write, delete, re-create, bulk and CSV "
          "round trip") {
  const server_fixture server;
  const auto entities = core::catalog::load("").value();
  for (const auto& of : samples)
    live(server, entities, of);
  CHECK(std::size(samples) == entities.all().size());
}

TEST_CASE("a ninth entity, one file in a folder, lives as the eight do") {
  const entity_folder folder;
  server_options with_folder;
  with_folder.arguments = {"--entities", folder.path()};
  const server_fixture server(with_folder);
  const auto entities = core::catalog::load(folder.path()).value();
  CHECK(entities.all().size() == std::size(samples) + 1);
  live(server, entities, ninth);
  live(server, entities, samples[0]);
  const auto events = server.get("/api/events?resource=vehicles").body;
  CHECK(size_at(events) == 5);
  CHECK(at(events, "/0/resource") == "vehicles");
  // Another server over this database knows the entity without the file.
  server_options without;
  without.database = server.database();
  const server_fixture second(without);
  CHECK(second.get("/api/vehicles").body == server.get("/api/vehicles").body);
  CHECK(second.post("/api/vehicles", R"({"plate":"WXY 300"})").status == 201);
  CHECK(size_at(server.get("/api/vehicles").body) == 3);
}
