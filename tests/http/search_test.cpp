// Searches over HTTP by servers that hold the search texts in memory: what anybody wrote is found by
// everybody at once, also by a server that was just killed and started again.
#include "records_support.hpp"
#include "tests/streams/server_metrics.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog::tests;

namespace {

constexpr int enough = 2'500; // records, so that memory is worth asking

void fill(const server_fixture& server) {
  std::string body = "[";
  for (int i = 0; i < enough; ++i)
    body += fmt::format(R"({}{{"id":"S-{}","full_name":"Person {}","reference_number":"NR-{}"}})",
                        i > 0 ? "," : "", i, i, i);
  const auto saved = server.post("/api/clients", body + "]");
  REQUIRE_MESSAGE(saved.status == 200, saved.body);
}

bool is_loaded(const server_fixture& server) {
  return metric(server.port(), "synclog_search_entities_loading") == 0;
}

std::vector<std::string> found(const server_fixture& server, const std::string& term,
                               const std::string& more = "") {
  const auto reply = server.get("/api/clients?search=" + term + more);
  REQUIRE_MESSAGE(reply.status == 200, reply.body);
  return column(reply.body, "id");
}

double answered_from(const server_fixture& server, const std::string& from) {
  return metric(server.port(), "synclog_searches_total{from=\"" + from + "\"}");
}

} // namespace

TEST_CASE("search: two servers over one database find at once what either has written") {
  const server_fixture one;
  fill(one);
  const server_fixture other({.database = one.database()});
  REQUIRE(wait_until([&] { return is_loaded(one) && is_loaded(other); }));
  const server_fixture* const servers[] = {&one, &other};
  for (int i = 0; i < 40; ++i) {
    const server_fixture& writer = *servers[i % 2];
    const auto saved =
        writer.post("/api/clients", fmt::format(R"({{"id":"S-7","full_name":"Ärger no. {}."}})", i));
    REQUIRE_MESSAGE(saved.status == 200, saved.body);
    for (const auto* reader : servers) {
      CHECK(found(*reader, fmt::format("ARGER%20no.%20{}.", i)) == std::vector<std::string>{"S-7"});
      CHECK(found(*reader, fmt::format("no.%20{}.", i - 1)).empty());
    }
  }
  CHECK(one.request("DELETE", "/api/clients/S-7").status < 300);
  for (const auto* reader : servers) {
    CHECK(found(*reader, "arger").empty());
    CHECK(found(*reader, "person%20123", "&limit=50").size() == 11);
    CHECK(found(*reader, "person").size() == enough - 1); // all of it, page by page
    CHECK(found(*reader, "nr-24", "&sort=full_name").size() == 111);
    CHECK(answered_from(*reader, "table") == 0);
    CHECK(answered_from(*reader, "candidates") > 80);
  }
}

TEST_CASE("search: a server that was killed, and one without memory, find the same") {
  server_fixture killed;
  fill(killed);
  const auto before = found(killed, "nr-1");
  REQUIRE(before.size() == 1'111);
  for (int life = 0; life < 3; ++life) {
    killed.kill9();
    killed.start();
    CHECK(found(killed, "nr-1") == before); // whether the texts are loaded or not
    CHECK(killed.post("/api/clients", fmt::format(R"({{"id":"L-{}","full_name":"Late"}})", life)).status ==
          201);
    CHECK(found(killed, "late").size() == static_cast<std::size_t>(life + 1));
    REQUIRE(wait_until([&] { return is_loaded(killed); }));
    CHECK(found(killed, "nr-1") == before);
    CHECK(found(killed, "late").size() == static_cast<std::size_t>(life + 1));
    CHECK(answered_from(killed, "candidates") > 0);
  }
  const server_fixture without({.database = killed.database(), .arguments = {"--search-memory=0"}});
  CHECK(found(without, "nr-1") == before);
  CHECK(answered_from(without, "table") > 0);
  CHECK(metric(without.port(), "synclog_search_bytes") == 0);
  CHECK(killed.stop() == 0);
}
