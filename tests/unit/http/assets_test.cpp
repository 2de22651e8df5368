// Which form of an embedded file a browser gets.
#include "http/assets.hpp"
#include <doctest/doctest.h>

using synclog::http::asset;
using synclog::http::body_for;

TEST_CASE("assets: the smallest form that the browser allows is sent, and the plain one to who allows none") {
  const asset file{.name = "a.js",
                   .hashed_name = "a.0.js",
                   .type = "text/javascript",
                   .hash = "0",
                   .plain = "plain",
                   .gzip = "gzipped",
                   .brotli = "br"};
  CHECK(body_for(file, "gzip, deflate, br").encoding == "br");
  CHECK(body_for(file, "gzip, deflate, br").bytes == "br");
  CHECK(body_for(file, "GZIP").bytes == "gzipped");
  CHECK(body_for(file, " br ; q=0 , gzip;q=0.5").encoding == "gzip");
  CHECK(body_for(file, "br;q=0.000").bytes == "plain");
  CHECK(body_for(file, "gzipped, brotli, x-br").bytes == "plain");
  CHECK(body_for(file, "").bytes == "plain");
  CHECK(body_for(file, "identity;q=1, *;q=0").encoding.empty());
}

TEST_CASE("assets: what the build put in has names, kinds and three forms, the compressed ones smaller") {
  for (const asset& file : synclog::http::embedded_assets()) {
    CAPTURE(file.name);
    CHECK(file.hashed_name.find(file.hash) != std::string_view::npos);
    CHECK(file.type.find('/') != std::string_view::npos);
    CHECK(file.gzip.substr(0, 2) == "\x1f\x8b");
    CHECK(file.gzip.size() < file.plain.size());
    CHECK(file.brotli.size() < file.gzip.size());
  }
}
