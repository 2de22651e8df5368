// Which files are embedded, and which form of one a browser gets.
#include "http/assets.hpp"
#include "http/query_string.hpp"
#include "http/routes.hpp"
#include <doctest/doctest.h>
#include <set>

using synclog::http::asset;
using synclog::http::asset_caching;
using synclog::http::body_for;
using synclog::http::needs_policy;

TEST_CASE("assets: the smallest form that the browser allows is sent, and the plain one to who allows none") {
  const asset file{.path = "/a.js",
                   .type = "text/javascript",
                   .hash = "0",
                   .plain = "the plain bytes",
                   .gzip = "gzipped",
                   .brotli = "br"};
  CHECK(body_for(file, "gzip, deflate, br").encoding == "br");
  CHECK(body_for(file, "gzip, deflate, br").bytes == "br");
  CHECK(body_for(file, "GZIP").bytes == "gzipped");
  CHECK(body_for(file, " br ; q=0 , gzip;q=0.5").encoding == "gzip");
  CHECK(body_for(file, "br;q=0.000").bytes == file.plain);
  CHECK(body_for(file, "gzipped, brotli, x-br").bytes == file.plain);
  CHECK(body_for(file, "").bytes == file.plain);
  CHECK(body_for(file, "identity;q=1, *;q=0").encoding.empty());
  CHECK(body_for({.plain = "a", .gzip = "gzipped", .brotli = "brotli"}, "gzip, br").bytes == "a");
}

TEST_CASE("assets: what the build put in has a kind and three forms, and large files become smaller") {
  for (const asset& file : synclog::http::embedded_assets()) {
    CAPTURE(file.path);
    CHECK(file.type.find('/') != std::string_view::npos);
    CHECK(file.gzip.substr(0, 2) == "\x1f\x8b");
    if (file.plain.size() < 1'000) continue;
    CHECK(file.gzip.size() < file.plain.size());
    CHECK(file.brotli.size() < file.gzip.size());
  }
}

TEST_CASE(
    "assets: each file has a path of its own that a route leads to, and only hashed names are immutable") {
  const synclog::http::router routes(synclog::http::all_routes());
  std::set<std::string_view> paths;
  for (const asset& file : synclog::http::embedded_assets()) {
    CAPTURE(file.path);
    CHECK(paths.insert(file.path).second);
    CHECK(synclog::http::find_asset(file.path) == &file);
    const auto target = synclog::http::parse_target(file.path);
    REQUIRE(target.has_value());
    const auto* found = routes.find(target->segments, synclog::http::method::get).found;
    REQUIRE(found != nullptr);
    CHECK(found->access == synclog::http::access::none);
    CHECK((file.caching == asset_caching::immutable) == file.path.starts_with("/assets/"));
  }
  CHECK(synclog::http::find_asset("/assets/") == nullptr);
}

TEST_CASE("assets: pages and the worker need a policy, what they load does not") {
  CHECK(needs_policy({.path = "/", .type = "text/html; charset=utf-8"}));
  CHECK(needs_policy({.path = "/sw.js", .type = "text/javascript; charset=utf-8"}));
  CHECK_FALSE(needs_policy({.path = "/assets/a.js", .type = "text/javascript; charset=utf-8"}));
}
