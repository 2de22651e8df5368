// Lists of all rows while others write: each record that is there throughout is there once, in any order.
#include "core/json.hpp"
#include "tests/support/server_fixture.hpp"
#include <atomic>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <map>
#include <random>
#include <set>
#include <thread>

using namespace synclog::tests;

namespace {

constexpr int records = 6'000, writers = 3, lists = 6;

void fill(const server_fixture& server, const std::string& entity, const std::string& name) {
  std::string many;
  for (int i = 0; i < records; ++i)
    many += fmt::format(R"({{"id":"R-{0}","{1}":"{2:05}","email":"e{0}"}})"
                        "\n",
                        i, name, (i * 7'919) % records);
  const auto saved =
      server.request("POST", "/api/" + entity, {{"Content-Type", "application/x-ndjson"}}, many);
  REQUIRE_MESSAGE(saved.status == 200, saved.body.substr(0, 300));
}

// How often each id is in an NDJSON list.
std::map<std::string, int> ids_of(const std::string& lines) {
  std::map<std::string, int> counted;
  for (std::size_t at = 0; at < lines.size();) {
    const auto end = lines.find('\n', at);
    REQUIRE(end != std::string::npos);
    const auto row = synclog::core::json::parse(lines.substr(at, end - at));
    REQUIRE(row.has_value());
    ++counted[std::string(row->root().find("id")->text)];
    at = end + 1;
  }
  return counted;
}

// Changes of the even records, and others that come and go, until the object goes.
class changes {
 public:
  changes(const server_fixture& server, std::string entity, std::string name, std::uint64_t seed) {
    for (int writer = 0; writer < writers; ++writer)
      threads_.emplace_back([this, &server, entity, name, writer, seed] {
        std::mt19937_64 random(seed + static_cast<std::uint64_t>(writer));
        auto client = server.connect();
        const http_headers json{{"Content-Type", "application/json"}};
        for (int i = 0; !over_; ++i) {
          const std::string mine = fmt::format("N-{}-{}", writer, i);
          client.request("PATCH", "/api/" + entity, json,
                         fmt::format(R"({{"id":"R-{}","{}":"{:05}","branch":"b{}"}})",
                                     random() % (records / 2) * 2, name, random() % records, i % 7));
          client.request("POST", "/api/" + entity, json,
                         fmt::format(R"({{"id":"{}","{}":"{:05}"}})", mine, name, random() % records));
          if (i % 2 == 0) client.request("DELETE", "/api/" + entity + "?id=" + mine);
          ++done_;
        }
      });
  }
  ~changes() {
    over_ = true;
    for (auto& thread : threads_)
      thread.join();
  }
  int done() const { return done_; }

 private:
  std::atomic<bool> over_{false};
  std::atomic<int> done_{0};
  std::vector<std::jthread> threads_;
};

} // namespace

TEST_CASE("whole list: in an order that lasts, every record that is there throughout is there once") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  const server_fixture server;
  fill(server, "clients", "full_name");
  const changes beside(server, "clients", "full_name", seed);
  for (int list = 0; list < lists; ++list) {
    const int before = beside.done();
    const auto got = server.get(list % 2 == 0 ? "/api/clients" : "/api/clients?sort=id",
                                {{"Accept", "application/x-ndjson"}});
    REQUIRE(got.status == 200);
    auto ids = ids_of(got.body);
    int wrong = 0;
    for (int i = 0; i < records; ++i)
      wrong += ids[fmt::format("R-{}", i)] == 1 ? 0 : 1;
    CHECK(wrong == 0);
    for (const auto& [id, count] : ids)
      CHECK_MESSAGE(count <= 1, id);
    const int rounds = beside.done() - before;
    MESSAGE(rounds << " rounds of writes beside the list");
  }
}

TEST_CASE("whole list: in an order that writes change, it is exactly what was at its Sync-Position") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  const server_fixture server;
  fill(server, "distributors", "distributor_name");
  const changes beside(server, "distributors", "distributor_name", seed);
  for (int list = 0; list < lists; ++list) {
    const bool as_csv = list % 3 == 2;
    const http_headers form{{"Accept", as_csv ? "text/csv" : "application/x-ndjson"}};
    const std::string query = list % 2 == 0 ? "?" : "?sort=-distributor_name&";
    const auto got = server.get("/api/distributors" + query, form);
    REQUIRE(got.status == 200);
    const auto then = server.get("/api/distributors" + query + "at=" + got.header("sync-position"), form);
    REQUIRE(then.status == 200);
    CHECK(got.body.size() > 100'000);
    CHECK((got.body == then.body));
    if (as_csv) continue;
    auto ids = ids_of(got.body);
    int wrong = 0;
    for (int i = 0; i < records; ++i)
      wrong += ids[fmt::format("R-{}", i)] == 1 ? 0 : 1;
    CHECK(wrong == 0);
  }
  CHECK(beside.done() > 10);
}
