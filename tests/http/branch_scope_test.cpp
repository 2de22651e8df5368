// What a token of one branch can tell of the others: nothing. Each question about another branch's record is
// asked once more about one that does not exist, and the answers are compared byte by byte.
#include "access_support.hpp"
#include "records_support.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/ws_client.hpp"
#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <map>
#include <memory>

using namespace synclog;
using namespace synclog::tests;
using core::role;

namespace {

// A record of each entity, its branch column and a change of it.
struct sample {
  std::string entity, branch_column, fields, patch;
  bool may_lack_branch = true;
};

const std::vector<sample>& samples() {
  static const std::vector<sample> all{
      {"clients", "branch", R"("full_name":"Ann")", R"("phone":"1")"},
      {"distributors", "branch", R"("distributor_name":"Ann")", R"("email":"a@b.c")"},
      {"appointments", "branch", R"("full_name":"Ann","date":"2026-01-02","time":"10:00")", R"("notes":"n")"},
      {"stock-requests", "requesting_branch", R"("items":[{"sku":"a"}])", R"("notes":"n")", false},
      {"visits", "branch", R"("visit_date":"2026-01-02")", R"("notes":"n")"},
      {"campaigns", "branch", R"("name":"Ann")", R"("description":"n")"},
      {"finance-cash-requests", "branch", R"("amount":1.5)", R"("purpose":"n")", false},
      {"leave-requests", "branch",
       R"("employee_id":"1","employee_name":"Ann","start_date":"2026-01-02","end_date":"2026-01-03")",
       R"("reason":"n")"}};
  return all;
}

class world {
 public:
  static world& shared() {
    durable_cluster();
    static world made;
    return made;
  }

  http_reply ask(const test_token& who, std::string_view method, std::string_view target,
                 http_headers more = {}, std::string_view body = "") const {
    auto headers = who.header();
    headers.insert(headers.end(), more.begin(), more.end());
    if (!body.empty() && std::none_of(headers.begin(), headers.end(),
                                      [](const auto& header) { return header.first == "Content-Type"; }))
      headers.emplace_back("Content-Type", "application/json");
    auto client = server.connect();
    client.send_request(method, target, headers, body);
    return client.read_reply(method == "HEAD" ? http_client::answers_to::head
                                              : http_client::answers_to::other);
  }
  void must(const test_token& who, std::string_view method, std::string_view target,
            std::string_view body = "") const {
    const auto reply = ask(who, method, target, {}, body);
    REQUIRE_MESSAGE(reply.status < 300, method << " " << target << ": " << reply.body);
  }

  server_fixture server{asks_for_tokens()};
  test_token whole = make_token(server, "whole", role::editor);
  test_token north = make_token(server, "north", role::editor, {"north"});
  test_token looker = make_token(server, "looker", role::viewer, {"north"});
  test_token both = make_token(server, "both", role::editor, {"north", "south"});
  test_token nowhere = make_token(server, "nowhere", role::editor, {"atlantis"});

 private:
  // Of each entity: N own, F another branch's with two versions, M moved away, D another branch's that was
  // deleted, W without a branch.
  world() {
    for (const auto& one : samples()) {
      const auto at = "/api/" + one.entity;
      const auto save = [&](const char* id, const std::string& branch) {
        must(whole, "POST", at,
             fmt::format(R"({{"id":"{}",{},"{}":{}}})", id, one.fields, one.branch_column, branch));
      };
      const auto patch = [&](const char* id, const std::string& change) {
        must(whole, "PATCH", at + "/" + id, "{" + change + "}");
      };
      save("OWN-1", R"("north")");
      patch("OWN-1", one.patch);
      save("OWN-2", R"("north")");
      save("FAR-1", R"("south")");
      patch("FAR-1", one.patch);
      save("MOV-1", R"("north")");
      patch("MOV-1", fmt::format(R"("{}":"south")", one.branch_column));
      patch("MOV-1", one.patch);
      save("CAM-1", R"("south")");
      patch("CAM-1", fmt::format(R"("{}":"north")", one.branch_column));
      save("DEL-1", R"("south")");
      must(whole, "DELETE", at + "/DEL-1");
      if (one.may_lack_branch) save("WIT-1", "null");
    }
  }
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// Everything of an answer but the moment and the name of the request.
std::string bytes_of(const http_reply& reply, std::string_view id) {
  std::string text = fmt::format("{}\n", reply.status);
  for (const auto& [name, value] : reply.headers)
    if (name != "date" && name != "x-request-id") text += name + ": " + value + "\n";
  return replaced(text + reply.body, id, "THE-ID");
}

struct question {
  std::string method, target; // with {E} and {ID}
  http_headers headers{};
  std::string body{};
};

// About records that live, or lived, in other branches only.
std::vector<question> questions(const sample& one) {
  const auto patch = "{" + one.patch + "}";
  const auto named = [&](const std::string& more) {
    return fmt::format(R"({{"id":"{{ID}}"{},{}}})", more, one.patch);
  };
  std::vector<question> made{
      {"GET", "/api/{E}/{ID}"},
      {"HEAD", "/api/{E}/{ID}"},
      {"GET", "/api/{E}?id={ID}"},
      {"GET", "/api/{E}/{ID}", {{"If-None-Match", "\"2\""}}},
      {"GET", "/api/{E}/{ID}", {{"If-None-Match", "*"}}},
      {"GET", "/api/{E}/{ID}", {{"Accept", "text/csv"}}},
      {"GET", "/api/{E}/{ID}?at=1"},
      {"GET", "/api/{E}?id={ID}&at=2031-01-01T00:00:00Z"},
      {"PUT", "/api/{E}/{ID}", {}, patch},
      {"PATCH", "/api/{E}/{ID}", {}, patch},
      {"PATCH", "/api/{E}/{ID}", {{"If-Match", "\"2\""}}, patch},
      {"PATCH", "/api/{E}/{ID}", {{"If-Match", "\"1\""}}, patch},
      {"PATCH", "/api/{E}/{ID}", {{"If-Match", "*"}}, patch},
      {"PUT", "/api/{E}", {}, named("")},
      {"PUT", "/api/{E}", {}, named(R"(,"expected_version":2)")},
      {"PUT", "/api/{E}", {}, named(R"(,"expected_version":1)")},
      {"PUT", "/api/{E}?dry_run=true", {}, named("")},
      {"PUT", "/api/{E}", {{"Prefer", "handling=strict"}}, "[" + named("") + "]"},
      {"PATCH", "/api/{E}", {{"Prefer", "return=representation"}}, "[" + named("") + "]"},
      {"DELETE", "/api/{E}/{ID}"},
      {"DELETE", "/api/{E}/{ID}", {{"If-Match", "\"2\""}}},
      {"DELETE", "/api/{E}?id={ID}"},
      {"DELETE", "/api/{E}?id={ID}&id=NOT-1"},
      {"DELETE", "/api/{E}/{ID}?dry_run=true"},
      {"POST", "/api/{E}", {{"If-Match", "*"}}, named("")}};
  return made;
}

// About those that never were in a branch of the caller's.
std::vector<question> questions_of_the_past() {
  return {{"GET", "/api/{E}/{ID}?version=1"},
          {"GET", "/api/{E}/{ID}?version=2"},
          {"GET", "/api/{E}/{ID}?version=99"},
          {"GET", "/api/{E}/{ID}?version=1", {{"If-None-Match", "\"1\""}}},
          {"GET", "/api/{E}/{ID}?at=2031-01-01T00:00:00Z"},
          {"GET", "/api/{E}/{ID}/history"},
          {"HEAD", "/api/{E}/{ID}/history"},
          {"GET", "/api/{E}/{ID}/history?limit=1"},
          {"GET", "/api/{E}/{ID}/history?after_version=1"},
          {"GET", "/api/{E}/{ID}/history", {{"If-None-Match", "*"}}},
          {"POST", "/api/{E}/{ID}/revert", {}, R"({"version":1})"},
          {"POST", "/api/{E}/{ID}/revert", {{"If-Match", "\"2\""}}, R"({"version":1})"},
          {"POST", "/api/{E}/{ID}/revert", {{"If-Match", "*"}}, R"({"version":1})"},
          {"POST", "/api/{E}/{ID}/revert?dry_run=true", {}, R"({"version":1,"expected_version":2})"},
          {"POST", "/api/{E}/{ID}/revert", {}, R"({"version":2})"}};
}

std::string answer_to(const question& one, const test_token& who, const std::string& entity,
                      const std::string& id) {
  const auto target = replaced(replaced(one.target, "{E}", entity), "{ID}", id);
  const auto reply =
      world::shared().ask(who, one.method, target, one.headers, replaced(one.body, "{ID}", id));
  return bytes_of(reply, id);
}

void compare(const std::vector<question>& asked, const test_token& who, const sample& one,
             const std::string& id) {
  for (const auto& each : asked) {
    CAPTURE(each.method);
    CAPTURE(each.target);
    CAPTURE(each.body);
    CAPTURE(id);
    const auto there = answer_to(each, who, one.entity, id);
    CHECK(there == answer_to(each, who, one.entity, "NOT-0"));
  }
}

std::vector<std::string> ids_of(const http_reply& reply) {
  auto ids = column(reply.body, "id");
  std::sort(ids.begin(), ids.end());
  return ids;
}

const http_headers sse_form{{"Accept", "text/event-stream"}};

} // namespace

TEST_CASE("branch scope: another branch's record looks like none, to every method of every entity") {
  auto& all = world::shared();
  const auto before = all.server.event_count();
  for (const auto& one : samples()) {
    CAPTURE(one.entity);
    // Who may not write is refused before anything is looked at: once is enough.
    std::vector<const test_token*> callers{&all.north};
    if (one.entity == "clients") callers.push_back(&all.looker);
    for (const auto* who : callers) {
      std::vector<std::string> ids{"FAR-1", "DEL-1"};
      if (one.may_lack_branch) ids.emplace_back("WIT-1");
      for (const auto& id : ids) {
        compare(questions(one), *who, one, id);
        compare(questions_of_the_past(), *who, one, id);
      }
      // What it was while it was theirs they may know; what it is now they may not.
      compare(questions(one), *who, one, "MOV-1");
    }
    compare(questions(one), all.nowhere, one, "OWN-1");
    compare(questions_of_the_past(), all.nowhere, one, "MOV-1");
    // The comparison is not blind: to whoever sees it, it differs.
    for (const auto& each : questions_of_the_past())
      if (each.target.find("version=99") == std::string::npos && each.method == "GET")
        CHECK(answer_to(each, all.both, one.entity, "FAR-1") !=
              answer_to(each, all.both, one.entity, "NOT-0"));
  }
  CHECK(all.server.event_count() == before);
}

TEST_CASE("branch scope: a foreign id or unique value is taken, also a deleted one, and no more is told") {
  auto& all = world::shared();
  for (const auto& one : samples()) {
    CAPTURE(one.entity);
    std::string first;
    for (const std::string id : {"FAR-1", "DEL-1", "MOV-1"}) {
      for (const std::string more : {"", R"("expected_version":2,)", R"("expected_version":0,)"}) {
        const auto body =
            fmt::format(R"({{"id":"{}",{}{},"{}":"north"}})", id, more, one.fields, one.branch_column);
        const auto reply = all.ask(all.north, "POST", "/api/" + one.entity, {}, body);
        CHECK(reply.status == 409);
        CHECK(at(reply.body, "/code") == "taken");
        CHECK(at(reply.body, "/errors/0/pointer") == "/id");
        CHECK(at(reply.body, "/current") == "(absent)");
        if (first.empty()) first = bytes_of(reply, id);
        CHECK(bytes_of(reply, id) == first);
      }
    }
  }
  all.must(all.whole, "POST", "/api/clients",
           R"({"id":"UNI-1","full_name":"A","reference_number":"R-1","branch":"south"})");
  const auto by_key =
      all.ask(all.north, "POST", "/api/clients", {}, R"({"full_name":"B","reference_number":"R-1"})");
  CHECK(by_key.status == 409);
  CHECK(at(by_key.body, "/errors/0/pointer") == "/reference_number");
  CHECK(by_key.body.find("UNI-1") == std::string::npos);
  CHECK(at(by_key.body, "/current") == "(absent)");
  const auto changed = all.ask(all.north, "PATCH", "/api/clients/OWN-2", {}, R"({"reference_number":"R-1"})");
  CHECK(changed.status == 409);
  CHECK(changed.body.find("UNI-1") == std::string::npos);
  CHECK(at(changed.body, "/current") == "(absent)");
}

TEST_CASE("branch scope: a record goes to one's own branch unless said otherwise, and a move needs both") {
  auto& all = world::shared();
  for (const auto& one : samples()) {
    CAPTURE(one.entity);
    const auto at_entity = "/api/" + one.entity;
    const auto branch_of = [&](const http_reply& reply) { return at(reply.body, "/" + one.branch_column); };
    const auto made = all.ask(all.north, "POST", at_entity, {}, "{" + one.fields + "}");
    CHECK(made.status == 201);
    CHECK(branch_of(made) == "north");
    const auto id = at(made.body, "/id");
    const auto refused = [&](const http_reply& reply) {
      CHECK(reply.status == 403);
      CHECK(at(reply.body, "/errors/0/pointer") == "/" + one.branch_column);
    };
    const auto to_south = fmt::format(R"({{"{}":"south"}})", one.branch_column);
    refused(all.ask(all.north, "PATCH", at_entity + "/" + id, {}, to_south));
    refused(all.ask(all.north, "POST", at_entity, {},
                    fmt::format(R"({{{},"{}":"south"}})", one.fields, one.branch_column)));
    if (one.may_lack_branch) {
      refused(all.ask(all.both, "POST", at_entity, {}, "{" + one.fields + "}"));
      refused(all.ask(all.north, "PATCH", at_entity + "/" + id, {},
                      fmt::format(R"({{"{}":null}})", one.branch_column)));
    }
    CHECK(all.ask(all.looker, "DELETE", at_entity + "/" + id).status == 403);
    const auto moved = all.ask(all.both, "PATCH", at_entity + "/" + id, {}, to_south);
    CHECK(moved.status == 200);
    CHECK(all.ask(all.north, "GET", at_entity + "/" + id).status == 404);
    // What it was cannot be brought back by who does not see what it is.
    CHECK(all.ask(all.north, "POST", at_entity + "/" + id + "/revert", {}, R"({"version":1})").status == 404);
    CHECK(all.ask(all.both, "POST", at_entity + "/" + id + "/revert", {}, R"({"version":1})").status == 200);
  }
}

TEST_CASE("branch scope: lists are those of one's own branch in every form, order, search, page and moment") {
  auto& all = world::shared();
  for (const auto& one : samples()) {
    CAPTURE(one.entity);
    const auto list = "/api/" + one.entity;
    const std::string filter = "branch=north";
    const auto position = all.server.event_count();
    for (const std::string form : {"application/json", "text/csv", "application/x-ndjson"}) {
      for (const std::string& more :
           {std::string(), std::string("&sort=-created_at"), std::string("&limit=2"),
            std::string("&search=a"), fmt::format("&at={}", position),
            fmt::format("&at={}&limit=2", position)}) {
        CAPTURE(form);
        CAPTURE(more);
        const auto own = more.empty() ? list : list + "?" + more.substr(1);
        const http_headers accept{{"Accept", form}};
        const auto expected = all.ask(all.whole, "GET", list + "?" + filter + more, accept);
        REQUIRE(expected.status == 200);
        // Three times: the second and the third may come from memory, beside those of others.
        for (int i = 0; i < 3; ++i) {
          CHECK(all.ask(all.north, "GET", own, accept).body == expected.body);
          CHECK(all.ask(all.looker, "GET", own, accept).body == expected.body);
          CHECK(all.ask(all.whole, "GET", own, accept).status == 200);
        }
        CHECK(all.ask(all.north, "GET", list + "?" + filter + more, accept).body == expected.body);
      }
    }
    CHECK(all.ask(all.north, "GET", list + "?branch=south").body == "[]");
    CHECK(all.ask(all.north, "GET", list + "?branch=").body == "[]");
    CHECK(all.ask(all.nowhere, "GET", list).body == "[]");
    // Another's tag tells nothing of one's own list.
    const auto theirs = all.ask(all.whole, "GET", list + "?limit=50").header("etag");
    CHECK(all.ask(all.north, "GET", list + "?limit=50", {{"If-None-Match", theirs}}).status == 200);
    // The cursor of a page of theirs is a place, not a right.
    const auto link = all.ask(all.whole, "GET", list + "?limit=1").header("link");
    REQUIRE(link.find("cursor=") != std::string::npos);
    const auto cursor = link.substr(link.find("cursor="), link.find('>') - link.find("cursor="));
    const auto page = all.ask(all.north, "GET", list + "?limit=1&" + cursor);
    for (const auto& id : ids_of(page))
      CHECK(all.ask(all.north, "GET", list + "/" + id).status == 200);
  }
}

TEST_CASE("branch scope: the pages of a list are those of one's own branch, one after the other") {
  auto& all = world::shared();
  for (const auto& one : samples()) {
    CAPTURE(one.entity);
    const auto list = "/api/" + one.entity;
    for (const std::string& more :
         {std::string(), std::string("&sort=updated_at"), std::string("&search=a")}) {
      CAPTURE(more);
      const auto whole = all.ask(all.north, "GET", list + "?limit=1000" + more);
      std::vector<std::string> ids;
      std::string target = list + "?limit=1" + more;
      while (!target.empty()) {
        const auto page = all.ask(all.north, "GET", target);
        REQUIRE(page.status == 200);
        const auto some = column(page.body, "id");
        ids.insert(ids.end(), some.begin(), some.end());
        const auto link = page.header("link");
        target = link.empty() ? "" : list + link.substr(1, link.find('>') - 1);
      }
      CHECK(ids == column(whole.body, "id"));
    }
  }
}

TEST_CASE("branch scope: a list of a moment is that of one's own branch, also of what has changed since") {
  auto& all = world::shared();
  const auto word = unique_word("THEN-");
  const auto save = [&](const std::string& id, const std::string& branch) {
    all.must(all.whole, "POST", "/api/clients",
             fmt::format(R"({{"id":"{}{}","full_name":"Then","branch":"{}"}})", word, id, branch));
  };
  save("own", "north");
  save("far", "south");
  save("goes", "north");
  save("comes", "south");
  const std::array<http_headers, 3> forms{http_headers{{"Accept", "application/json"}},
                                          http_headers{{"Accept", "text/csv"}},
                                          http_headers{{"Accept", "application/x-ndjson"}}};
  const std::vector<std::string> queries{"", "&search=then", "&sort=full_name,id"};
  std::vector<std::string> before;
  for (const auto& form : forms)
    for (const auto& query : queries)
      before.push_back(all.ask(all.north, "GET", "/api/clients?limit=1000" + query, form).body);
  const auto at_then = fmt::format("&at={}", all.server.event_count());
  const auto patch = [&](const std::string& id, const std::string& change) {
    all.must(all.whole, "PATCH", "/api/clients/" + word + id, "{" + change + "}");
  };
  patch("own", R"("phone":"1")");
  patch("far", R"("phone":"1")");
  patch("goes", R"("branch":"south")");
  patch("comes", R"("branch":"north")");
  auto expected = before.begin();
  for (const auto& form : forms)
    for (const auto& query : queries) {
      CAPTURE(query);
      const auto target = "/api/clients?limit=1000" + query + at_then;
      const auto then = all.ask(all.north, "GET", target, form);
      CHECK(then.status == 200);
      CHECK(then.body == *expected++);
      // Another's tag tells nothing of one's own list.
      auto headers = form;
      headers.emplace_back("If-None-Match", all.ask(all.whole, "GET", target, form).header("etag"));
      CHECK(all.ask(all.north, "GET", target, headers).status == 200);
    }
}

TEST_CASE("branch scope: a history tells of one's own part, and has no tag once it goes on elsewhere") {
  auto& all = world::shared();
  for (const auto& one : samples()) {
    CAPTURE(one.entity);
    const auto history = [&](const test_token& who, const std::string& id, http_headers more = {}) {
      return all.ask(who, "GET", "/api/" + one.entity + "/" + id + "/history", std::move(more));
    };
    const auto moved = history(all.north, "MOV-1"), came = history(all.north, "CAM-1");
    REQUIRE(moved.status == 200);
    REQUIRE(came.status == 200);
    CHECK(size_at(moved.body) == 2);
    CHECK(at(moved.body, "/1/action") == "deleted");
    CHECK(size_at(came.body) == 1);
    for (const auto* told : {&moved.body, &came.body})
      CHECK(told->find("south") == std::string::npos);
    CHECK(moved.count("etag") == 0);
    CHECK(came.count("etag") == 1);
    CHECK(history(all.both, "MOV-1").count("etag") == 1);
    CHECK(history(all.north, "MOV-1", {{"If-None-Match", "*"}}).status == 200);
  }
}

TEST_CASE("branch scope: a search that is answered from memory finds one's own branch, others' never") {
  const server_fixture server(asks_for_tokens());
  const auto whole = make_token(server, "whole", role::editor);
  const auto north = make_token(server, "north", role::viewer, {"north"});
  const auto metric_of = [&](const std::string& name) {
    const auto text = server.get("/metrics", whole.header()).body;
    const auto found = text.find("\n" + name + " ");
    REQUIRE(found != std::string::npos);
    return std::stod(text.substr(found + name.size() + 2));
  };
  constexpr int count = 20'000; // so many that memory is worth asking, and a term of all of them is common
  std::string body = "[";
  for (int i = 0; i < count; ++i)
    body += fmt::format(R"({}{{"id":"S-{}","full_name":"Person {}.","branch":"{}"}})", i > 0 ? "," : "", i, i,
                        i % 2 == 0 ? "north" : "south");
  REQUIRE(server.post("/api/clients", body + "]", whole.header()).status == 200);
  REQUIRE(wait_until([&] { return metric_of("synclog_search_entities_loading") == 0; }));
  const auto ids = [&](const test_token& who, const std::string& query) {
    const auto reply = server.get("/api/clients?" + query, who.header());
    REQUIRE(reply.status == 200);
    return column(reply.body, "id");
  };
  const auto from = [&](const std::string& way) {
    return metric_of("synclog_searches_total{from=\"" + way + "\"}");
  };
  for (const std::string query : {"search=person%20123.", "search=person%20124.", "search=person%2012",
                                  "search=person&limit=50", "search=person&limit=50&sort=created_at"}) {
    CAPTURE(query);
    CHECK(ids(north, query) == ids(whole, query + "&branch=north"));
  }
  CHECK(ids(north, "search=person%20123.").empty());
  CHECK(ids(north, "search=person%20124.") == std::vector<std::string>{"S-124"});
  CHECK(from("candidates") > 0);
  CHECK(from("ordered") > 0);
}

TEST_CASE("branch scope: one foreign id in a thousand is told like one that does not exist") {
  auto& all = world::shared();
  std::string own, ndjson;
  for (int i = 0; i < 999; ++i)
    own += fmt::format(R"({{"id":"BULK-{}","full_name":"A","branch":"north"}},)", i);
  all.must(all.north, "POST", "/api/clients", "[" + own.substr(0, own.size() - 1) + "]");
  for (const std::string prefer : {"handling=lenient", "handling=strict", "return=representation"}) {
    CAPTURE(prefer);
    const auto ask_for = [&](const std::string& id) {
      const auto body = "[" + own + fmt::format(R"({{"id":"{}","phone":"2"}}])", id);
      return bytes_of(all.ask(all.north, "PUT", "/api/clients", {{"Prefer", prefer}}, body), id);
    };
    const auto absent = ask_for("NOT-0");
    for (const auto* id : {"FAR-1", "MOV-1", "DEL-1", "WIT-1"})
      CHECK(ask_for(id) == absent);
  }
  const auto csv = [&](const std::string& id) {
    const auto body = "id,full_name,branch\r\nBULK-1,A,north\r\n" + id + ",B,north\r\n";
    return all.ask(all.north, "POST", "/api/clients?dry_run=true", {{"Content-Type", "text/csv"}}, body);
  };
  CHECK(at(csv("FAR-1").body, "/results/1/code") == "taken");
  CHECK(csv("FAR-1").body.find("south") == std::string::npos);
  CHECK(bytes_of(csv("FAR-1"), "FAR-1") == bytes_of(csv("DEL-1"), "DEL-1"));
}

namespace {

// What the whole log says, as somebody of `branch` must see it.
std::vector<std::string> seen_from(const std::string& whole_page, const std::string& branch) {
  std::vector<std::string> made;
  for (std::size_t i = 0; i < size_at(whole_page); ++i) {
    const auto get = [&](const char* name) { return at(whole_page, fmt::format("/{}/{}", i, name)); };
    const bool now = get("branch") == branch, before = get("previous_branch") == branch;
    if (!now && !before) continue;
    made.push_back(now ? fmt::format("{} {} {} {} {}", get("position"), get("resource"), get("action"),
                                     get("id"), get("data"))
                       : fmt::format("{} {} deleted {} null", get("position"), get("resource"), get("id")));
  }
  return made;
}

std::string told(const std::string& envelope) {
  for (const auto* hidden : {"/previous_branch"})
    CHECK(at(envelope, hidden) == "(absent)");
  CHECK(at(envelope, "/branch") == "north");
  return fmt::format("{} {} {} {} {}", at(envelope, "/position"), at(envelope, "/resource"),
                     at(envelope, "/action"), at(envelope, "/id"), at(envelope, "/data"));
}

} // namespace

TEST_CASE("branch scope: pages, server-sent events and the socket tell the same, and of moves only one's own "
          "side") {
  auto& all = world::shared();
  const auto whole = all.ask(all.whole, "GET", "/api/events?limit=10000");
  const auto expected = seen_from(whole.body, "north");
  REQUIRE(expected.size() > 16);
  const auto last = "north-is-done-" + unique_word("x");
  // A mark at the end, so that streams can be read to it.
  all.must(all.whole, "POST", "/api/clients",
           fmt::format(R"({{"id":"{}","full_name":"A","branch":"north"}})", last));

  std::vector<std::string> pages, events, frames;
  const auto page = all.ask(all.north, "GET", "/api/events?limit=10000");
  for (std::size_t i = 0; i + 1 < size_at(page.body); ++i)
    pages.push_back(told(at(page.body, fmt::format("/{}", i))));
  CHECK(pages == expected);

  auto client = all.server.connect();
  client.send_request("GET", "/api/events?after=0", all.north.header_and("Accept", "text/event-stream"));
  sse_reader stream(client);
  while (const auto event = stream.next()) {
    if (!event->name.empty() || event->data.empty()) continue;
    if (at(event->data, "/id") == last) break;
    events.push_back(told(event->data));
  }
  CHECK(events == expected);

  ws_client socket(all.server.port(), {}, "/ws", all.north.header());
  socket.send_text(R"({"type":"subscribe","after":"0"})");
  for (;;) {
    const auto frame = socket.next_of("event");
    if (at(frame, "/id") == last) break;
    frames.push_back(told(frame));
  }
  CHECK(frames == expected);

  // Asked for a branch that is not theirs: nothing, not even a move.
  CHECK(all.ask(all.north, "GET", "/api/events?branch=south&limit=10000").body == "[]");
  CHECK(all.ask(all.nowhere, "GET", "/api/events?limit=10000").body == "[]");
  const auto both = all.ask(all.north, "GET", "/api/events?branch=south&branch=north&limit=10000");
  CHECK(size_at(both.body) == expected.size() + 1);
}

TEST_CASE("branch scope: equal streams of different rights, open at once, show each what it may see") {
  auto& all = world::shared();
  struct listener {
    listener(const world& all, const test_token& who)
        : client(all.server.connect()), socket(all.server.port(), {}, "/ws", who.header()) {
      client.send_request("GET", "/api/events?resource=clients",
                          who.header_and("Accept", "text/event-stream"));
      stream = std::make_unique<sse_reader>(client);
      while (const auto event = stream->next())
        if (event->name == "hello") break;
      socket.send_text(R"({"type":"subscribe","channels":["clients"]})");
      socket.next_of("subscribed");
    }
    std::vector<std::string> events(const std::string& last) {
      std::vector<std::string> ids;
      while (const auto event = stream->next()) {
        if (!event->name.empty() || event->data.empty()) continue;
        ids.push_back(at(event->data, "/id"));
        if (ids.back() == last) break;
      }
      return ids;
    }
    std::vector<std::string> frames(const std::string& last) {
      std::vector<std::string> ids;
      do
        ids.push_back(at(socket.next_of("event"), "/id"));
      while (ids.back() != last);
      return ids;
    }
    http_client client;
    ws_client socket;
    std::unique_ptr<sse_reader> stream;
  };
  const auto atlas = make_token(all.server, unique_word("atlas"), role::viewer, {"atlas"});
  // Each way about: whoever comes second must not be given what the first one's stream is made of.
  const test_token* const orders[][4] = {{&all.whole, &all.north, &atlas, &all.both},
                                         {&atlas, &all.both, &all.north, &all.whole}};
  for (const auto& order : orders) {
    std::map<const test_token*, std::unique_ptr<listener>> open;
    for (const auto* who : order)
      open.emplace(who, std::make_unique<listener>(all, *who));
    const auto id = unique_word("SHARE-");
    for (const std::string branch : {"south", "east", "north"})
      all.must(all.whole, "POST", "/api/clients",
               fmt::format(R"({{"id":"{}{}","full_name":"A","branch":"{}"}})", id, branch, branch));
    all.must(all.whole, "POST", "/api/clients",
             fmt::format(R"({{"id":"{}end","full_name":"A","branch":"atlas"}})", id));
    all.must(all.whole, "POST", "/api/clients",
             fmt::format(R"({{"id":"{}last","full_name":"A","branch":"north"}})", id));
    const std::map<const test_token*, std::vector<std::string>> expected{
        {&all.whole, {id + "south", id + "east", id + "north", id + "end", id + "last"}},
        {&all.both, {id + "south", id + "north", id + "last"}},
        {&all.north, {id + "north", id + "last"}},
        {&atlas, {id + "end"}}};
    for (const auto& [who, ids] : expected) {
      CAPTURE(ids.size());
      CHECK(open.at(who)->events(ids.back()) == ids);
      CHECK(open.at(who)->frames(ids.back()) == ids);
    }
  }
}

TEST_CASE("branch scope: a live query shows the own rows, then moves as they look from here, and no others") {
  auto& all = world::shared();
  auto client = all.server.connect(), others = all.server.connect();
  client.send_request("GET", "/api/visits", all.north.header_and("Accept", "text/event-stream"));
  others.send_request("GET", "/api/visits", all.whole.header_and("Accept", "text/event-stream"));
  sse_reader live(client), whole(others);
  std::vector<std::string> rows;
  const auto until = [](sse_reader& from, std::string_view name, std::vector<std::string>* into) {
    while (const auto event = from.next()) {
      if (event->name == name) return;
      if (into != nullptr && event->name == "snapshot") into->push_back(at(event->data, "/id"));
    }
  };
  until(live, "caught_up", &rows);
  until(whole, "caught_up", nullptr);
  std::sort(rows.begin(), rows.end());
  CHECK(rows == ids_of(all.ask(all.north, "GET", "/api/visits")));
  const auto save = [&](const std::string& id, const std::string& branch) {
    all.must(all.whole, "POST", "/api/visits",
             fmt::format(R"({{"id":"{}","visit_date":"2026-01-02","branch":"{}"}})", id, branch));
  };
  const auto id = unique_word("LIVE-");
  save(id + "far", "south");
  save(id + "far", "east");
  all.must(all.whole, "DELETE", "/api/visits/" + id + "far");
  save(id, "north");
  save(id, "south");
  save(id, "east");
  save(id, "north");
  save(id + "end", "north");
  std::vector<std::string> seen, seen_whole;
  const auto read = [&](sse_reader& from, std::vector<std::string>& into) {
    while (const auto event = from.next()) {
      if (event->name != "upsert" && event->name != "remove") continue;
      if (at(event->data, "/id") == id + "end") return;
      into.push_back(event->name + " " + at(event->data, "/id") + " " + at(event->data, "/branch"));
    }
  };
  read(live, seen);
  read(whole, seen_whole);
  CHECK(seen == std::vector<std::string>{"upsert " + id + " north", "remove " + id + " (absent)",
                                         "upsert " + id + " north"});
  CHECK(seen_whole.size() == 7);
}

TEST_CASE("branch scope: another actor's Idempotency-Key is not theirs to be answered from") {
  auto& all = world::shared();
  const auto key = unique_word("key-");
  const http_headers keyed{{"Idempotency-Key", key}};
  const std::string body = R"({"full_name":"Keyed","branch":"south"})";
  const auto first = all.ask(all.whole, "POST", "/api/clients", keyed, body);
  CHECK(first.status == 201);
  CHECK(all.ask(all.whole, "POST", "/api/clients", keyed, body).header("idempotency-replayed") == "true");
  const auto foreign = all.ask(all.north, "POST", "/api/clients", keyed, body);
  CHECK(foreign.status == 403);
  CHECK(foreign.header("idempotency-replayed") == "");
  const auto seeing = all.ask(all.both, "POST", "/api/clients", keyed, body);
  CHECK(seeing.status == 201);
  CHECK(seeing.header("idempotency-replayed") == "");
  CHECK(at(seeing.body, "/id") != at(first.body, "/id"));
}

TEST_CASE("branch scope: what is kept in memory for one scope is shown to no other") {
  auto& all = world::shared();
  for (int i = 0; i < 3; ++i) {
    CHECK(all.ask(all.whole, "GET", "/api/clients/FAR-1").status == 200);
    CHECK(all.ask(all.north, "GET", "/api/clients/FAR-1").status == 404);
    CHECK(all.ask(all.both, "GET", "/api/clients/FAR-1").status == 200);
    CHECK(all.ask(all.north, "GET", "/api/clients/OWN-1").status == 200);
    CHECK(all.ask(all.nowhere, "GET", "/api/clients/OWN-1").status == 404);
  }
}
