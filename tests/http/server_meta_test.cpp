// What a real server says about itself.
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <doctest/doctest.h>

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

TEST_CASE("meta: the landing page links the tables and may run nothing") {
  const auto page = server_fixture::shared().get("/");
  CHECK(page.status == 200);
  CHECK(page.header("content-type").starts_with("text/html"));
  CHECK(page.header("content-security-policy").find("default-src 'none'") != std::string::npos);
  CHECK(page.body.find("/api/stock-requests") != std::string::npos);
  CHECK(page.body.find("<script") == std::string::npos);
  CHECK(page.body.find("style=") == std::string::npos);
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
