// The list of limits: what flags, variables and docs are made of.
#include "eventstore/feed.hpp"
#include "http/limits.hpp"
#include "http/streams/hub_options.hpp"
#include "projections/search_index.hpp"
#include <doctest/doctest.h>
#include <fstream>
#include <set>
#include <sstream>

using namespace synclog;
using http::limits;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

} // namespace

TEST_CASE("limits: the table of docs/limits.md is the server's list") {
  const auto docs = text_of(SYNCLOG_SOURCE_DIR "/docs/limits.md");
  REQUIRE_FALSE(docs.empty());
  CHECK_MESSAGE(docs.find("|---|---|---|---|---|\n" + http::limits_table() + "\n") != std::string::npos,
                "the table should be\n"
                    << http::limits_table());
}

TEST_CASE("limits: each has a flag and a variable of its own, and its flag moves it alone") {
  std::set<std::string> seen;
  const limits defaults;
  for (const auto& moved : http::all_limits()) {
    CAPTURE(moved.flag);
    CHECK(seen.insert(std::string(moved.flag)).second);
    CHECK(seen.insert(http::variable_of(moved)).second);
    CHECK_FALSE(moved.bounds.empty());
    CHECK_FALSE(moved.beyond.empty());
    CHECK(moved.get(defaults) >= moved.least);
    CHECK(moved.get(defaults) <= moved.most);
    limits changed;
    const auto value = moved.get(defaults) + 1;
    moved.set(changed, value);
    for (const auto& other : http::all_limits()) {
      CAPTURE(other.flag);
      CHECK(other.get(changed) == (other.flag == moved.flag ? value : other.get(defaults)));
    }
  }
}

TEST_CASE("limits: defaults are those of the parts that they bound") {
  const limits defaults;
  CHECK(defaults.feed_ring_bytes == eventstore::feed_options{}.ring_bytes);
  CHECK(defaults.search_memory_bytes == projections::search_options{}.max_bytes);
  CHECK(defaults.stream_ring_bytes == http::streams::hub_options{}.ring_bytes);
  CHECK(defaults.max_channels == http::streams::hub_options{}.max_channels);
  CHECK(defaults.max_live_queries == http::streams::hub_options{}.max_live_queries);
}
