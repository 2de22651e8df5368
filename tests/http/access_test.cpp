// Who is let in, and where to: tokens, roles, cookies, tickets, on real servers.
#include "access_support.hpp"
#include "eventstore/head_lock.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "http/routes.hpp"
#include "records_support.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/ws_client.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;
using core::role;
using namespace std::chrono_literals;

namespace {

constexpr auto gone_within = 5s;

server_fixture& guarded() {
  durable_cluster();
  static server_fixture server(asks_for_tokens());
  return server;
}

struct everybody {
  test_token viewer, editor, auditor, admin, north;
};

const everybody& people() {
  static const everybody made{
      make_token(guarded(), "viewer", role::viewer), make_token(guarded(), "editor", role::editor),
      make_token(guarded(), "auditor", role::auditor), make_token(guarded(), "admin", role::admin),
      make_token(guarded(), "north", role::editor, {"north"})};
  return made;
}

std::string target_of(const http::route& route) {
  std::string target(route.pattern);
  const auto put = [&target](std::string_view what, std::string_view with) {
    if (const auto at = target.find(what); at != std::string::npos) target.replace(at, what.size(), with);
  };
  put("{entity}", "clients");
  put("{id}", "NOBODY");
  put("{token}", "TOK-none");
  put("{session}", "SES-none");
  put("{name}", "none.js");
  return target;
}

// Each method of each route, once.
template <class Call>
void for_each_route(Call call) {
  using enum http::method;
  for (const auto& route : http::all_routes())
    for (const auto verb : {get, post, put, patch, delete_})
      if ((route.methods & http::only(verb)) != 0)
        call(route, std::string(http::to_string(verb)), target_of(route));
}

http_reply ask(const server_fixture& server, std::string_view method, std::string_view target,
               http_headers headers, std::string_view body = "{}") {
  const bool has_body = method != "GET" && method != "DELETE";
  if (has_body) headers.emplace_back("Content-Type", "application/json");
  return server.request(method, target, headers, has_body ? body : "");
}

// How it is refused, or "" when it is not for want of access.
std::string refusal(const http_reply& reply) {
  return reply.status == 401 || reply.status == 403 ? at(reply.body, "/code") : "";
}

bool may(const http::access wanted, const role as) {
  switch (wanted) {
  case http::access::none:
  case http::access::read:
  case http::access::read_whole:
    return true;
  case http::access::write:
    return as == role::editor || as == role::admin;
  case http::access::audit:
    return as == role::auditor || as == role::admin;
  case http::access::admin:
    return as == role::admin;
  }
  return false;
}

} // namespace

TEST_CASE(
    "access: without a token every route that needs one says 401, alike for unknown, expired and revoked") {
  const auto expired = make_token(guarded(), unique_word("expired"), role::admin, {}, "-1 second");
  const auto revoked = make_token(guarded(), unique_word("revoked"), role::admin);
  revoke_token(guarded(), revoked);
  const std::string unknown = core::make_secret(core::secret_kind::token).text;
  for_each_route([&](const http::route& route, const std::string& method, const std::string& target) {
    CAPTURE(method);
    CAPTURE(target);
    const auto bare = ask(guarded(), method, target, {});
    if (route.access == http::access::none) {
      CHECK(refusal(bare) == "");
      return;
    }
    CHECK(bare.status == 401);
    CHECK(bare.header("www-authenticate") == "Bearer");
    CHECK(bare.header("content-type") == "application/problem+json");
    const auto never = ask(guarded(), method, target, {{"Authorization", "Bearer " + unknown}});
    CHECK(never.status == 401);
    CHECK(ask(guarded(), method, target, expired.header()).body == never.body);
    CHECK(ask(guarded(), method, target, revoked.header()).body == never.body);
  });
}

TEST_CASE("access: what each role may do, route by route") {
  const std::vector<std::pair<role, const test_token*>> roles{{role::viewer, &people().viewer},
                                                              {role::editor, &people().editor},
                                                              {role::auditor, &people().auditor},
                                                              {role::admin, &people().admin}};
  for_each_route([&](const http::route& route, const std::string& method, const std::string& target) {
    for (const auto& [as, token] : roles) {
      CAPTURE(method);
      CAPTURE(target);
      CAPTURE(static_cast<int>(as));
      const auto reply = ask(guarded(), method, target, token->header());
      CHECK(refusal(reply) == (may(route.access, as) ? "" : "forbidden"));
    }
  });
  // Figures of all branches are not for one of them.
  CHECK(guarded().get("/metrics", people().north.header()).status == 403);
  CHECK(guarded().get("/metrics", people().viewer.header()).status == 200);
}

TEST_CASE("access: a token is shown as a bearer, once, whatever the scheme's case") {
  const auto& token = people().viewer.text;
  const auto status = [&](const http_headers& headers) {
    return guarded().get("/api/session", headers).status;
  };
  CHECK(status({{"Authorization", "Bearer " + token}}) == 200);
  CHECK(status({{"Authorization", "bearer  " + token}}) == 200);
  CHECK(status({{"Authorization", "Basic " + token}}) == 401);
  CHECK(status({{"Authorization", token}}) == 401);
  CHECK(status({{"Authorization", "Bearer"}}) == 401);
  CHECK(status({{"Authorization", "Bearer " + token + "x"}}) == 401);
  CHECK(status({{"Authorization", "Bearer " + token}, {"Authorization", "Bearer " + token}}) == 400);
  CHECK(status({{"Cookie", "synclog=" + token}}) == 401);
  const auto me = guarded().get("/api/session", people().north.header());
  CHECK(me.body ==
        R"({"auth":"token","actor":"north","role":"editor","all_branches":false,"branches":["north"],)"
        R"("session":false,"expires_at":null})");
  CHECK(me.header("cache-control") == "no-store");
}

TEST_CASE("access: who wrote is the token's name, whatever the client says") {
  const auto id = unique_word("ACT-");
  const auto saved = ask(guarded(), "POST", "/api/clients", people().editor.header_and("X-Actor", "admin"),
                         fmt::format(R"({{"id":"{}","full_name":"A","branch":"north"}})", id));
  REQUIRE(saved.status == 201);
  const auto history = guarded().get("/api/clients/" + id + "/history", people().viewer.header());
  CHECK(at(history.body, "/0/actor") == "editor");
}

TEST_CASE("access: a secret in a URL is refused wherever it stands, and no secret is in the server's log") {
  const auto token = make_token(guarded(), unique_word("url"), role::admin);
  for (const std::string target : {"/api/clients?token=", "/api/clients?x=", "/ws?access_token=", "/?token=",
                                   "/api/events?after=0&t=", "/ws?ticket="}) {
    CAPTURE(target);
    const auto reply = guarded().get(target + token.text, token.header());
    CHECK(reply.status == 400);
    CHECK(reply.body.find(token.text) == std::string::npos);
  }
  CHECK(guarded().get("/api/clients?access_token=abc", token.header()).status == 400);
  const auto signed_in = ask(guarded(), "POST", "/api/session", token.header());
  const auto ticket = at(ask(guarded(), "POST", "/api/tickets", token.header()).body, "/ticket");
  (void)guarded().get("/api/nothing/" + token.text, token.header());
  (void)ask(guarded(), "POST", "/api/clients", token.header(), token.text);
  (void)guarded().get("/api/clients", {{"Authorization", "Bearer slk_" + std::string(64, 'f')}});
  const auto log = guarded().output();
  for (const auto& secret : {token.text, cookie_of(signed_in).substr(8), ticket, std::string(64, 'f')}) {
    REQUIRE(secret.size() >= 64);
    CHECK(log.find(secret.substr(4)) == std::string::npos);
  }
}

TEST_CASE("access: a token is good at once, and for nothing on any server soon after it was revoked") {
  server_fixture other(asks_for_tokens({}, &guarded()));
  for (const bool by_http : {false, true}) {
    CAPTURE(by_http);
    const auto token = make_token(guarded(), unique_word("short"), role::viewer);
    REQUIRE(guarded().get("/api/clients?limit=1", token.header()).status == 200);
    REQUIRE(other.get("/api/clients?limit=1", token.header()).status == 200);
    if (by_http) {
      const auto revoked = ask(guarded(), "DELETE", "/api/admin/tokens/" + token.id, people().admin.header());
      CHECK(revoked.status == 200);
      // The server that was asked knows before it answers.
      CHECK(guarded().get("/api/clients?limit=1", token.header()).status == 401);
    } else {
      revoke_token(guarded(), token);
    }
    for (const auto* server : {&guarded(), &other})
      CHECK(wait_until([&] { return server->get("/api/clients?limit=1", token.header()).status == 401; },
                       gone_within));
  }
  const auto brief = make_token(guarded(), unique_word("brief"), role::viewer, {}, "2 seconds");
  CHECK(other.get("/api/clients?limit=1", brief.header()).status == 200);
  CHECK(wait_until([&] { return other.get("/api/clients?limit=1", brief.header()).status == 401; },
                   2s + gone_within));
}

TEST_CASE("session: a token becomes a cookie that scripts cannot read and other sites do not send") {
  const auto token = make_token(guarded(), unique_word("desk"), role::editor, {"north"});
  const auto opened = ask(guarded(), "POST", "/api/session", token.header());
  REQUIRE(opened.status == 201);
  const auto set = opened.header("set-cookie");
  CHECK(set.starts_with("synclog=sls_"));
  for (const auto* attribute : {"; Path=/", "; HttpOnly", "; SameSite=Strict", "; Max-Age=604"})
    CHECK(set.find(attribute) != std::string::npos);
  CHECK(set.find("Domain") == std::string::npos);
  CHECK(at(opened.body, "/branches") == R"(["north"])");
  const http_headers cookie{{"Cookie", "other=1; " + cookie_of(opened)}};
  const auto me = guarded().get("/api/session", cookie);
  CHECK(me.status == 200);
  CHECK(at(me.body, "/session") == "true");
  CHECK(at(me.body, "/expires_at") != "null");
  CHECK(guarded().get("/api/clients?limit=1", cookie).status == 200);
  // Twice: somebody else has set one of them.
  CHECK(guarded().get("/api/session", {{"Cookie", cookie_of(opened) + "; " + cookie_of(opened)}}).status ==
        401);
  // A session makes no session.
  auto again = cookie;
  again.emplace_back("Origin", fmt::format("http://localhost:{}", guarded().port()));
  CHECK(ask(guarded(), "POST", "/api/session", again).status == 400);

  SUBCASE("whatever changes something needs the Origin of our own page") {
    const auto own = fmt::format("http://localhost:{}", guarded().port());
    const std::string body = R"({"full_name":"A","branch":"north"})";
    const auto post = [&](const http_headers& more) {
      auto headers = cookie;
      headers.insert(headers.end(), more.begin(), more.end());
      return ask(guarded(), "POST", "/api/clients", headers, body).status;
    };
    CHECK(post({}) == 403);
    CHECK(post({{"Origin", "null"}}) == 403);
    CHECK(post({{"Origin", "http://evil.example"}}) == 403);
    CHECK(post({{"Origin", own + ".evil.example"}}) == 403);
    CHECK(post({{"Origin", fmt::format("https://localhost:{}", guarded().port())}}) == 403);
    CHECK(post({{"Origin", own}}) == 201);
    auto upgrade = ws_upgrade_headers();
    upgrade.insert(upgrade.end(), cookie.begin(), cookie.end());
    CHECK(guarded().get("/ws", upgrade).status == 403);
    upgrade.emplace_back("Origin", "http://evil.example");
    CHECK(guarded().get("/ws", upgrade).status == 403);
    upgrade.back().second = own;
    ws_client socket(guarded().port(), {}, "/ws", {cookie[0], {"Origin", own}});
    CHECK(socket.next_of("hello") != "");
  }
  SUBCASE("signing out ends it here and elsewhere, with the cookie") {
    server_fixture other(asks_for_tokens({}, &guarded()));
    REQUIRE(other.get("/api/session", cookie).status == 200);
    CHECK(ask(guarded(), "DELETE", "/api/session", cookie).status == 403);
    const auto closed = ask(guarded(), "DELETE", "/api/session", again);
    CHECK(closed.status == 204);
    CHECK(closed.header("set-cookie").find("Max-Age=0") != std::string::npos);
    CHECK(guarded().get("/api/session", cookie).status == 401);
    CHECK(wait_until([&] { return other.get("/api/session", cookie).status == 401; }, gone_within));
    CHECK(guarded().get("/api/session", token.header()).status == 200);
  }
  SUBCASE("an admin sees who is signed in and signs them out") {
    const auto listed = guarded().get("/api/admin/sessions", people().admin.header());
    CHECK(listed.body.find(token.id) != std::string::npos);
    CHECK(listed.body.find("sls_") == std::string::npos);
    std::string id;
    for (std::size_t i = 0; i < size_at(listed.body); ++i)
      if (at(listed.body, fmt::format("/{}/token_id", i)) == token.id)
        id = at(listed.body, fmt::format("/{}/id", i));
    CHECK(ask(guarded(), "DELETE", "/api/admin/sessions/" + id, people().admin.header()).status == 200);
    CHECK(guarded().get("/api/session", cookie).status == 401);
    CHECK(ask(guarded(), "DELETE", "/api/admin/sessions/" + id, people().admin.header()).status == 404);
  }
  SUBCASE("it ends with its token") {
    revoke_token(guarded(), token);
    CHECK(wait_until([&] { return guarded().get("/api/session", cookie).status == 401; }, gone_within));
  }
}

TEST_CASE("session: behind https the cookie is the host's own and secure, and the plain one is not taken") {
  server_fixture published(asks_for_tokens({"--public-url", "https://sync.example.org"}, &guarded()));
  auto headers = people().editor.header_and("Host", "sync.example.org");
  const auto opened = ask(published, "POST", "/api/session", headers);
  REQUIRE(opened.status == 201);
  const auto set = opened.header("set-cookie");
  CHECK(set.starts_with("__Host-synclog=sls_"));
  CHECK(set.find("; Secure") != std::string::npos);
  const auto secret = cookie_of(opened).substr(std::string("__Host-synclog=").size());
  const auto status = [&](const std::string& cookie) {
    return published.get("/api/session", {{"Host", "sync.example.org"}, {"Cookie", cookie}}).status;
  };
  CHECK(status("__Host-synclog=" + secret) == 200);
  CHECK(status("synclog=" + secret) == 401);
  const http_headers own{{"Host", "sync.example.org"},
                         {"Cookie", "__Host-synclog=" + secret},
                         {"Origin", "https://sync.example.org"}};
  CHECK(ask(published, "POST", "/api/clients", own, R"({"full_name":"A"})").status == 201);
}

TEST_CASE("ticket: it opens one socket, on whichever server, within its time") {
  server_fixture other(asks_for_tokens({}, &guarded()));
  const auto token = make_token(guarded(), unique_word("ticket"), role::viewer, {"north"});
  const auto issue = [&] {
    const auto issued = ask(guarded(), "POST", "/api/tickets", token.header());
    CHECK(issued.status == 201);
    CHECK(at(issued.body, "/expires_in") == "30");
    return at(issued.body, "/ticket");
  };
  const auto ticket = issue();
  CHECK(ticket.starts_with("slt_"));
  const auto target = "/ws?ticket=" + ticket;
  CHECK(guarded().get("/api/clients?ticket=" + ticket).status == 401);
  ws_client socket(other.port(), {}, target);
  CHECK(socket.next_of("hello") != "");
  for (const auto* server : {&guarded(), &other})
    CHECK(server->get(target, ws_upgrade_headers()).status == 401);
  // Another form than a ticket's, and one that nobody issued.
  CHECK(guarded().get("/ws?ticket=abc", ws_upgrade_headers()).status == 401);
  CHECK(guarded().get("/ws?ticket=slt_" + std::string(64, '0'), ws_upgrade_headers()).status == 401);
  const auto late = issue();
  guarded().sql("UPDATE synclog.tickets SET expires_at = now() - interval '1 second'");
  CHECK(guarded().get("/ws?ticket=" + late, ws_upgrade_headers()).status == 401);
  const auto orphaned = issue();
  revoke_token(guarded(), token);
  CHECK(guarded().get("/ws?ticket=" + orphaned, ws_upgrade_headers()).status == 401);
  CHECK(socket.next_close() == 4401);
}

TEST_CASE("admin: tokens are made, shown once, listed without their secret, and revoked") {
  const auto& admin = people().admin;
  const auto name = unique_word("made");
  const auto made = ask(
      guarded(), "POST", "/api/admin/tokens", admin.header(),
      fmt::format(R"({{"name":"{}","role":"editor","branches":["south","north"],"expires":"90d"}})", name));
  REQUIRE(made.status == 201);
  CHECK(made.header("cache-control") == "no-store");
  const auto id = at(made.body, "/id");
  CHECK(made.header("location") == "/api/admin/tokens/" + id);
  CHECK(at(made.body, "/branches") == R"(["north","south"])");
  CHECK(at(made.body, "/created_by") == "admin");
  const test_token token{id, at(made.body, "/token")};
  CHECK(at(guarded().get("/api/session", token.header()).body, "/actor") == name);
  const auto listed = guarded().get("/api/admin/tokens", admin.header());
  CHECK(at(listed.body, "/0/name") == name);
  CHECK(at(listed.body, "/0/state") == "live");
  CHECK(listed.body.find("slk_") == std::string::npos);
  CHECK(ask(guarded(), "DELETE", "/api/admin/tokens/" + id, admin.header()).status == 200);
  CHECK(ask(guarded(), "DELETE", "/api/admin/tokens/" + id, admin.header()).status == 404);
  CHECK(at(guarded().get("/api/admin/tokens", admin.header()).body, "/0/state") == "revoked");

  const auto refused = [&](const std::string& body) {
    const auto reply = ask(guarded(), "POST", "/api/admin/tokens", admin.header(), body);
    return fmt::format("{} {}", reply.status, at(reply.body, "/errors/0/pointer"));
  };
  CHECK(refused(R"({"name":"admin","role":"viewer"})") == "409 /name");
  CHECK(refused(R"({"name":"x"})") == "422 /role");
  CHECK(refused(R"({"name":"x","role":"root"})") == "422 /role");
  CHECK(refused(R"({"role":"viewer"})") == "422 /name");
  CHECK(refused(R"({"name":"x","role":"admin","branches":["a"]})") == "422 /branches");
  CHECK(refused(R"({"name":"x","role":"viewer","branches":"a"})") == "422 /branches");
  CHECK(refused(R"({"name":"x","role":"viewer","expires":"soon"})") == "422 /expires");
  CHECK(refused(R"({"name":"x","role":"viewer","expires":"1d","expires_at":"2031-01-01T00:00:00Z"})") ==
        "422 /expires_at");
  CHECK(refused(R"({"name":"x","role":"viewer","secret":"x"})") == "422 /secret");
  CHECK(refused("[]") == "422 ");
}

TEST_CASE("token events: admins and auditors see them, with who did it; nobody else, in pages or streams") {
  (void)people();
  const auto before = guarded().event_count();
  const auto name = unique_word("watched");
  const auto made = ask(guarded(), "POST", "/api/admin/tokens", people().admin.header(),
                        fmt::format(R"({{"name":"{}","role":"viewer"}})", name));
  const auto after = fmt::format("/api/events?after={}", before);
  // It is not the committer who writes them: the server hears of them.
  http_reply seen;
  const auto is_seen = [&] {
    seen = guarded().get(after, people().auditor.header());
    return size_at(seen.body) > 0;
  };
  CHECK(wait_until(is_seen, gone_within));
  CHECK(size_at(seen.body) == 1);
  CHECK(at(seen.body, "/0/resource") == "admin/tokens");
  CHECK(at(seen.body, "/0/action") == "created");
  CHECK(at(seen.body, "/0/actor") == "admin");
  CHECK(at(seen.body, "/0/data/name") == name);
  CHECK(seen.body.find(at(made.body, "/token")) == std::string::npos);
  CHECK(size_at(guarded().get(after + "&resource=admin/tokens", people().admin.header()).body) == 1);
  for (const auto* token : {&people().viewer, &people().editor, &people().north}) {
    CHECK(guarded().get(after, token->header()).body == "[]");
    CHECK(guarded().get(after + "&resource=admin/tokens", token->header()).status == 400);
  }
  const auto id = unique_word("SEEN-");
  // Both streams are open at the same time and differ in nothing but the role.
  auto whole = guarded().connect(), part = guarded().connect();
  whole.send_request("GET", after, people().admin.header_and("Accept", "text/event-stream"));
  part.send_request("GET", after, people().editor.header_and("Accept", "text/event-stream"));
  sse_reader sees(whole), does_not(part);
  REQUIRE(ask(guarded(), "POST", "/api/clients", people().editor.header(),
              fmt::format(R"({{"id":"{}","full_name":"A"}})", id))
              .status == 201);
  const auto next_event = [](sse_reader& from) {
    for (;;) {
      const auto event = from.next();
      if (!event) return std::string();
      if (event->name.empty() && !event->data.empty()) return at(event->data, "/resource");
    }
  };
  CHECK(next_event(sees) == "admin/tokens");
  CHECK(next_event(does_not) == "clients");
  CHECK(guarded().sql("SELECT count(*) FROM synclog.verify_chain()") == "0");
}

TEST_CASE("access: to whom nothing is asked the health routes tell no figures") {
  const auto ready = guarded().get("/readyz?verbose");
  CHECK(ready.status == 200);
  CHECK(at(ready.body, "/checks/database") == "ok");
  CHECK(at(ready.body, "/head") == "(absent)");
}

TEST_CASE("access: a server whose database is away lets nobody in whom it has not confirmed lately") {
  test_cluster cluster({.durable = true});
  server_options options;
  options.cluster = &cluster;
  options.database = migrated_database(cluster);
  options.arguments = {"--auth=token"};
  server_fixture server(options);
  const auto token = make_token(server, "desk", role::viewer);
  REQUIRE(server.get("/api/session", token.header()).status == 200);
  cluster.stop();
  // Known and confirmed a moment ago: answered, as far as the answer needs no database.
  CHECK(wait_until([&] { return server.get("/api/session", token.header()).status == 503; }, 15s));
  CHECK(server.get("/api/session", {{"Authorization", "Bearer slk_" + std::string(64, '1')}}).status == 503);
  cluster.start();
  CHECK(wait_until([&] { return server.get("/api/session", token.header()).status == 200; }, 30s));
}

TEST_CASE("access: many requests with one token that this server has not seen yet are all answered") {
  const auto token = make_token(guarded(), unique_word("burst"), role::viewer);
  server_fixture fresh(asks_for_tokens({}, &guarded()));
  constexpr int requests = 200;
  std::vector<http_client> clients;
  clients.reserve(requests);
  for (int i = 0; i < requests; ++i)
    clients.push_back(fresh.connect());
  for (auto& client : clients)
    client.send_request("GET", "/api/session", token.header());
  int answered = 0;
  for (auto& client : clients)
    answered += client.read_reply().status == 200 ? 1 : 0;
  CHECK(answered == requests);
}

TEST_CASE("access: a flood of unknown tokens leaves room for tickets") {
  using eventstore::pg::plain_connection;
  const auto token = make_token(guarded(), unique_word("invited"), role::viewer);
  server_fixture flooded(asks_for_tokens({}, &guarded()));
  const auto ticket = at(ask(flooded, "POST", "/api/tickets", token.header()).body, "/ticket");
  REQUIRE(!ticket.empty());
  plain_connection holder(flooded.database_url(), "", "test");
  holder.run("BEGIN");
  holder.run("LOCK TABLE synclog.tokens IN ACCESS EXCLUSIVE MODE");
  std::vector<http_client> strangers;
  constexpr int many = 200;
  strangers.reserve(many);
  for (int i = 0; i < many; ++i) {
    strangers.push_back(flooded.connect());
    const auto secret = core::make_secret(core::secret_kind::token).text;
    strangers.back().send_request("GET", "/api/session", {{"Authorization", "Bearer " + secret}});
  }
  // Those over the bound are told at once; 48 wait for the database.
  int refused = 0;
  for (auto& client : strangers)
    if (client.readable(10ms)) refused += client.read_reply().status == 503 ? 1 : 0;
  CHECK(refused >= many - 64);
  auto invited = flooded.connect();
  invited.send_request("GET", "/ws?ticket=" + ticket, ws_upgrade_headers());
  CHECK_FALSE(invited.readable(10ms)); // it waits as well
  holder.abandon_transaction();
  CHECK(invited.read_head().status == 101);
}

TEST_CASE("access: while the log is locked a token's change is put off, and nothing else waits for it") {
  const auto& admin = people().admin;
  eventstore::pg::plain_connection holder(guarded().database_url(), "", "test");
  holder.run(fmt::format("SELECT pg_advisory_lock({})", eventstore::head_lock_key));
  std::vector<http_client> waiting;
  constexpr int changes = 4; // more than there are connections for them
  for (int i = 0; i < changes; ++i) {
    waiting.push_back(guarded().connect());
    waiting.back().send_request("POST", "/api/admin/tokens",
                                admin.header_and("Content-Type", "application/json"),
                                fmt::format(R"({{"name":"{}","role":"viewer"}})", unique_word("late")));
  }
  REQUIRE(wait_until(
      [&] {
        return guarded().sql(
                   "SELECT count(*) > 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "t";
      },
      gone_within));
  const auto began = std::chrono::steady_clock::now();
  CHECK(guarded().get("/api/clients?limit=1", people().viewer.header()).status == 200);
  CHECK(guarded().get("/api/admin/tokens", admin.header()).status == 200);
  CHECK(std::chrono::steady_clock::now() - began < 1s);
  for (auto& client : waiting) {
    const auto reply = client.read_reply();
    CHECK(reply.status == 503);
    CHECK(reply.header("retry-after") != "");
  }
  holder.run("SELECT pg_advisory_unlock_all()");
}

TEST_CASE("access: a request meant for another actor than the one who is signed in does nothing") {
  const auto post = [](const server_fixture& server, http_headers headers, std::string_view actor) {
    headers.emplace_back("Synclog-Actor", actor);
    return ask(server, "POST", "/api/clients", std::move(headers), R"({"full_name":"A"})").status;
  };
  const auto& editor = people().editor;
  const auto before = guarded().event_count();
  CHECK(post(guarded(), editor.header(), "admin") == 401);
  CHECK(post(guarded(), editor.header_and("Synclog-Actor", "editor"), "admin") == 401);
  const auto opened = ask(guarded(), "POST", "/api/session", editor.header());
  const http_headers by_cookie{{"Cookie", cookie_of(opened)},
                               {"Origin", fmt::format("http://localhost:{}", guarded().port())}};
  CHECK(post(guarded(), by_cookie, "admin") == 401);
  CHECK(guarded().event_count() == before);
  CHECK(post(guarded(), by_cookie, "editor") == 201);
  CHECK(post(guarded(), editor.header(), "editor") == 201);
  const auto name = unique_word("Zo\xc3\xab 50%");
  const auto foreign = make_token(guarded(), name, role::editor);
  CHECK(post(guarded(), foreign.header(), "Zo%C3%AB%2050%25" + name.substr(name.find('%') + 1)) == 201);
  CHECK(post(server_fixture::shared(), {}, "admin") == 201);
}
