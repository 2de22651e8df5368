// What a real server says about itself.
#include "core/gzip.hpp"
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

using namespace synclog::tests;

TEST_CASE("meta: a running server is alive, ready, and tells its version") {
  const server_fixture& server = server_fixture::shared();
  CHECK(server.get("/livez").body == "ok\n");
  CHECK(server.get("/readyz").status == 200);
  const auto verbose = server.get("/readyz?verbose");
  CHECK(verbose.status == 200);
  CHECK(at(verbose.body, "/checks/database") == "ok");
  CHECK(at(verbose.body, "/checks/committer") == "ok");
  CHECK(at(verbose.body, "/draining") == "false");
  CHECK(verbose.body.find("\"awaiting_rebuild\":[]") != std::string::npos);
  CHECK(at(server.get("/version").body, "/name") == "synclog");
}

TEST_CASE("meta: metrics count requests by route and tell of the log") {
  const server_fixture& server = server_fixture::shared();
  REQUIRE(server.get("/livez").status == 200);
  REQUIRE(wait_until([&] {
    const auto text = server.get("/metrics").body;
    return text.find("synclog_http_requests_total{route=\"/livez\",method=\"GET\",status=\"2xx\"}") !=
           std::string::npos;
  }));
  const auto got = server.get("/metrics");
  CHECK(got.header("content-type").starts_with("text/plain; version=0.0.4"));
  for (const char* name : {"synclog_committer_batches_total", "synclog_log_head_position",
                           "synclog_pool_open", "process_resident_memory_bytes", "process_open_fds"}) {
    CAPTURE(name);
    CHECK(got.body.find(std::string("\n") + name + " ") != std::string::npos);
  }
}

TEST_CASE("meta: requests and event channels are described, and revalidated by their tag") {
  const server_fixture& server = server_fixture::shared();
  CHECK(at(server.get("/openapi.json").body, "/openapi") == "3.1.0");
  const auto got = server.get("/asyncapi.json");
  CHECK(got.status == 200);
  CHECK(got.header("content-type") == "application/json");
  CHECK(got.header("cache-control") == "no-cache");
  CHECK(at(got.body, "/asyncapi") == "3.0.0");
  CHECK(at(got.body, "/info/version") == at(server.get("/version").body, "/version"));
  CHECK(at(got.body, "/channels/live.stock-requests/address") == "/api/stock-requests");
  const auto tag = got.header("etag");
  REQUIRE(tag.size() > 2);
  const auto same = server.get("/asyncapi.json", {{"If-None-Match", tag}});
  CHECK(same.status == 304);
  CHECK(same.body.empty());
  CHECK(same.header("etag") == tag);
  CHECK(server.get("/asyncapi.json", {{"If-None-Match", "\"other\""}}).status == 200);
  CHECK(server.request("POST", "/asyncapi.json", {}, "{}").status == 405);
}

TEST_CASE("meta: descriptions are sent compressed to whoever takes it, and are the same text") {
  const server_fixture& server = server_fixture::shared();
  for (const char* path : {"/openapi.json", "/asyncapi.json"}) {
    CAPTURE(path);
    const auto plain = server.get(path);
    CHECK(plain.header("content-encoding").empty());
    CHECK(plain.header("vary").find("Accept-Encoding") != std::string::npos);
    const http_headers takes{{"Accept-Encoding", "br, gzip"}};
    const auto zipped = server.get(path, takes);
    CHECK(zipped.status == 200);
    CHECK(zipped.header("content-encoding") == "gzip");
    CHECK(zipped.header("vary").find("Accept-Encoding") != std::string::npos);
    CHECK(zipped.body.size() * 4 < plain.body.size());
    synclog::core::gzip_decoder decoder;
    std::string_view rest = zipped.body;
    std::string text;
    while (!rest.empty())
      REQUIRE(decoder.decode(rest, text, 64u << 10).has_value());
    CHECK(decoder.complete());
    CHECK(text == plain.body);

    const auto tag = zipped.header("etag");
    CHECK(tag != plain.header("etag"));
    const auto same = server.get(path, {{"Accept-Encoding", "gzip"}, {"If-None-Match", tag}});
    CHECK(same.status == 304);
    CHECK(same.header("vary").find("Accept-Encoding") != std::string::npos);
    CHECK(server.get(path, {{"If-None-Match", tag}}).status == 200); // other bytes
    CHECK(server.get(path, {{"Accept-Encoding", "gzip;q=0"}}).header("content-encoding").empty());
  }
}

TEST_CASE("meta: a further definition is described too") {
  auto folder = (std::filesystem::temp_directory_path() / "synclog-entities-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  std::ofstream(folder + "/orders.json")
      << R"({"title":"Orders","type":"object","additionalProperties":false,"x-prefix":"ORD",)"
      << R"("properties":{"name":{"type":"string"}}})";
  const server_fixture server({.arguments = {"--entities", folder}});
  const auto described = server.get("/asyncapi.json").body;
  CHECK(at(described, "/channels/live.orders/address") == "/api/orders");
  CHECK(at(described, "/components/schemas/record.orders/title") == "Orders");
  CHECK(at(described, "/channels/live.clients/address") == "/api/clients");
  CHECK(at(server.get("/openapi.json").body, "/components/schemas/input.orders/title") == "Orders");
  std::filesystem::remove_all(folder);
}

TEST_CASE("meta: readiness follows the database") {
  test_cluster cluster({.durable = true, .tcp = false, .settings = {}});
  server_options options;
  options.cluster = &cluster;
  const server_fixture server(options);
  REQUIRE(wait_until([&] { return server.get("/readyz").status == 200; }));
  cluster.stop();
  REQUIRE(wait_until([&] { return server.get("/readyz").status == 503; }));
  const auto got = server.get("/readyz?verbose");
  CHECK(got.status == 503);
  CHECK(got.count("retry-after") == 1);
  CHECK(at(got.body, "/status") == "not ready");
  CHECK(server.get("/livez").status == 200);
  cluster.start();
  CHECK(wait_until([&] { return server.get("/readyz").status == 200; }));
}
