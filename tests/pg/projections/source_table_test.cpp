// An ordinary table that is adopted: its rows page by page, whatever its key is made of.
#include "pg/projections/lab.hpp"
#include "projections/source_table.hpp"
#include <doctest/doctest.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

// The keys of all rows, read in pages of one.
std::string keys_of(const std::string& database, const std::string& table) {
  auto source = projections::source_table::open(test_cluster::shared().conninfo(database), table, "");
  REQUIRE_MESSAGE(source.has_value(), (source ? "" : source.error().detail));
  std::string keys;
  for (int pages = 0; pages < 100; ++pages) {
    const auto page = source->next_page(1);
    if (page.empty()) break;
    keys += (keys.empty() ? "" : " ") + page.front().key;
  }
  return keys;
}

} // namespace

TEST_CASE(
    "source table: pages follow each other by the order of the key's own type, in whatever schema that is") {
  const auto database = test_cluster::shared().fresh_database();
  // citext orders without case; the text under it, by the C collation, has capitals first
  test_cluster::shared().sql(database, R"sql(
    CREATE EXTENSION citext;
    CREATE DOMAIN code AS citext COLLATE "C" CHECK (VALUE <> '');
    CREATE DOMAIN short_code AS code CHECK (length(VALUE) < 9);
    CREATE TYPE grade AS ENUM ('low', 'high');
    CREATE TABLE by_citext (k citext COLLATE "C" PRIMARY KEY);
    CREATE TABLE by_domain (k short_code PRIMARY KEY);
    CREATE TABLE by_several (n int, k citext COLLATE "C", g grade, PRIMARY KEY (n, k, g));
    CREATE TABLE by_grade (g grade, v varchar(5) COLLATE "C", PRIMARY KEY (g, v));
    INSERT INTO by_citext VALUES ('a'), ('B'), ('c'), ('D');
    INSERT INTO by_domain VALUES ('a'), ('B'), ('c'), ('D');
    INSERT INTO by_several VALUES (1, 'a', 'high'), (1, 'B', 'low'), (1, 'B', 'high'), (2, 'A', 'low'), (1, 'c', 'low');
    INSERT INTO by_grade VALUES ('high', 'a'), ('low', 'a'), ('low', 'B'))sql");
  CHECK(keys_of(database, "by_citext") == "a B c D");
  CHECK(keys_of(database, "by_domain") == "a B c D");
  CHECK(keys_of(database, "by_several") == "1:a:high 1:B:low 1:B:high 1:c:low 2:A:low");
  CHECK(keys_of(database, "by_grade") == "low:B low:a high:a");
}
