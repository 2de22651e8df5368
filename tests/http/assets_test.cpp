// The client library as a real server sends it.
#include "http/assets.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

const synclog::http::asset* client() {
  for (const auto& file : synclog::http::embedded_assets())
    if (file.name == "client.js") return &file;
  return nullptr;
}

} // namespace

TEST_CASE("assets: the client library comes plain or compressed, each with a tag of its own") {
  const server_fixture& server = server_fixture::shared();
  if (client() == nullptr) {
    CHECK(server.get("/client.js").status == 404);
    return;
  }
  const auto plain = server.get("/client.js");
  CHECK(plain.status == 200);
  CHECK(plain.body == client()->plain);
  CHECK(plain.header("content-type") == "text/javascript; charset=utf-8");
  CHECK(plain.header("cache-control") == "no-cache");
  CHECK(plain.header("vary").find("Accept-Encoding") != std::string::npos);
  CHECK(plain.header("content-encoding").empty());
  const auto zipped = server.get("/client.js", {{"Accept-Encoding", "gzip"}});
  CHECK(zipped.header("content-encoding") == "gzip");
  CHECK(zipped.body == client()->gzip);
  const auto brotli = server.get("/client.js", {{"Accept-Encoding", "gzip, br"}});
  CHECK(brotli.header("content-encoding") == "br");
  CHECK(brotli.body == client()->brotli);
  CHECK(plain.header("etag") != zipped.header("etag"));
  CHECK(brotli.header("etag") != zipped.header("etag"));

  const std::string tag(zipped.header("etag"));
  CHECK(server.get("/client.js", {{"Accept-Encoding", "gzip"}, {"If-None-Match", tag}}).status == 304);
  CHECK(server.get("/client.js", {{"If-None-Match", tag}}).status == 200);
}

TEST_CASE("assets: under the name of its content a file is kept for ever, and another name is nothing") {
  if (client() == nullptr) return;
  const server_fixture& server = server_fixture::shared();
  const auto got = server.get("/assets/" + std::string(client()->hashed_name));
  CHECK(got.status == 200);
  CHECK(got.body == client()->plain);
  CHECK(got.header("cache-control") == "public, max-age=31536000, immutable");
  CHECK(server.get("/assets/client.0000000000000000.js").status == 404);
  CHECK(server.get("/assets/client.js").status == 404);
}
