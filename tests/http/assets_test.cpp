// The files for browsers as a real server sends them.
#include "http/assets.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;
using synclog::http::find_asset;

namespace {

// "/assets/client.<hash>.js"
const synclog::http::asset* hashed_client() {
  for (const auto& file : synclog::http::embedded_assets())
    if (file.path.starts_with("/assets/client.")) return &file;
  return nullptr;
}

const http_headers browser{{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}};

} // namespace

TEST_CASE("assets: the client library comes plain or compressed, each with a tag of its own") {
  const server_fixture& server = server_fixture::shared();
  const auto* client = find_asset("/client.js");
  if (client == nullptr) {
    CHECK(server.get("/client.js").status == 404);
    return;
  }
  const auto plain = server.get("/client.js");
  CHECK(plain.status == 200);
  CHECK(plain.body == client->plain);
  CHECK(plain.header("content-type") == "text/javascript; charset=utf-8");
  CHECK(plain.header("cache-control") == "no-cache");
  CHECK(plain.header("vary").find("Accept-Encoding") != std::string::npos);
  CHECK(plain.header("content-encoding").empty());
  const auto zipped = server.get("/client.js", {{"Accept-Encoding", "gzip"}});
  CHECK(zipped.header("content-encoding") == "gzip");
  CHECK(zipped.body == client->gzip);
  const auto brotli = server.get("/client.js", {{"Accept-Encoding", "gzip, br"}});
  CHECK(brotli.header("content-encoding") == "br");
  CHECK(brotli.body == client->brotli);
  CHECK(plain.header("etag") != zipped.header("etag"));
  CHECK(brotli.header("etag") != zipped.header("etag"));

  const std::string tag(zipped.header("etag"));
  CHECK(server.get("/client.js", {{"Accept-Encoding", "gzip"}, {"If-None-Match", tag}}).status == 304);
  CHECK(server.get("/client.js", {{"If-None-Match", tag}}).status == 200);
}

TEST_CASE("assets: under the name of its content a file is kept for ever, and another name is nothing") {
  const auto* client = hashed_client();
  if (client == nullptr) return;
  const server_fixture& server = server_fixture::shared();
  const auto got = server.get(client->path);
  CHECK(got.status == 200);
  CHECK(got.body == client->plain);
  CHECK(got.header("cache-control") == "public, max-age=31536000, immutable");
  CHECK(server.get("/assets/client.0000000000000000.js").status == 404);
  CHECK(server.get("/assets/client.js").status == 404);
  CHECK(server.get("/assets/..%2Fclient.js").status == 400); // no segment holds a slash
}

TEST_CASE("assets: a page is revalidated, and may load from this server alone and run nothing inline") {
  const server_fixture& server = server_fixture::shared();
  for (const char* path : {"/", "/docs"}) {
    if (find_asset(path) == nullptr) continue;
    CAPTURE(path);
    const auto page = server.get(path, browser);
    CHECK(page.status == 200);
    CHECK(page.body == find_asset(path)->plain);
    CHECK(page.header("content-type") == "text/html; charset=utf-8");
    CHECK(page.header("cache-control") == "no-cache");
    const std::string policy(page.header("content-security-policy"));
    CHECK(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
    CHECK(policy.find("frame-ancestors 'none'") != std::string::npos);
    CHECK(policy.find("unsafe") == std::string::npos);
    CHECK(page.header("x-content-type-options") == "nosniff");
    CHECK(page.header("referrer-policy") == "no-referrer");
    CHECK(page.header("cross-origin-opener-policy") == "same-origin");
    CHECK(page.header("permissions-policy").find("camera=()") != std::string::npos);
    CHECK(page.body.find("<style") == std::string::npos);
    CHECK(page.body.find(" style=") == std::string::npos);
    CHECK(page.body.find("<script>") == std::string::npos);
    // Relative, so that they hold behind a proxy that serves this under a prefix.
    CHECK(page.body.find("=\"/") == std::string::npos);
    CHECK(page.body.find("://") == std::string::npos);

    auto again = browser;
    again.emplace_back("If-None-Match", page.header("etag"));
    const auto same = server.get(path, again);
    CHECK(same.status == 304);
    CHECK(same.body.empty());
    CHECK(same.header("content-security-policy") == policy);
  }
}

TEST_CASE("assets: who reads text gets a list of what there is instead of the console") {
  const server_fixture& server = server_fixture::shared();
  const auto list = server.get("/", {{"Accept", "text/plain"}});
  CHECK(list.status == 200);
  CHECK(list.header("content-type") == "text/plain; charset=utf-8");
  CHECK(list.header("vary").find("Accept") != std::string::npos);
  CHECK(list.body.find("/api/stock-requests") != std::string::npos);
  CHECK(list.body.find("/openapi.json") != std::string::npos);
  CHECK(server.get("/", {{"Accept", "text/html, text/plain"}}).body ==
        (find_asset("/") == nullptr ? list.body : std::string(find_asset("/")->plain)));
}

TEST_CASE("assets: the worker has the pages' policy, because it loads for them") {
  if (find_asset("/sw.js") == nullptr) return;
  const auto worker = server_fixture::shared().get("/sw.js");
  CHECK(worker.status == 200);
  CHECK(worker.header("cache-control") == "no-cache");
  CHECK(worker.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'"));
}
