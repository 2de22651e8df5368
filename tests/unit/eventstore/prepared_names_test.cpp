// The LRU of prepared statements of one connection.
#include "eventstore/pg/prepared_names.hpp"
#include <doctest/doctest.h>

using namespace synclog::eventstore::pg;

namespace {

std::shared_ptr<const statement> make(const std::string& name, const std::string& sql = "SELECT 1") {
  return std::make_shared<statement>(statement{name, sql});
}

} // namespace

TEST_CASE("prepared names: the first use is fresh, the next is not") {
  prepared_names names(2);
  const auto a = make("a");
  const auto first = names.use(a);
  const std::string name = first.server_name;
  CHECK(first.fresh);
  CHECK_FALSE(names.use(a).fresh);
  CHECK(names.use(a).server_name == name);
  CHECK(names.use(make("a")).server_name == name);
}

TEST_CASE("prepared names: the least recently used one goes, and is evicted under its server name") {
  prepared_names names(2);
  const auto a = make("a");
  const auto b = make("b");
  names.use(a);
  const std::string gone = names.use(b).server_name;
  names.use(a);
  names.use(make("c"));
  CHECK(names.size() == 2);
  REQUIRE(names.evicted().size() == 1);
  CHECK(names.evicted()[0] == gone);
  CHECK_FALSE(names.use(a).fresh);
  CHECK(names.use(b).fresh);
  CHECK(names.use(b).server_name != gone);
}

TEST_CASE("prepared names: forgetting leaves what was made later") {
  prepared_names names(4);
  const auto a = make("a");
  const std::string old = names.use(a).server_name;
  const auto moment = names.made();
  names.forget("a", moment, prepared_names::left_behind::on_server);
  CHECK(names.evicted() == std::vector<std::string>{old});
  CHECK(names.use(a).fresh);
  names.forget("a", moment, prepared_names::left_behind::on_server);
  CHECK_FALSE(names.use(a).fresh);
  names.forget("a", names.made(), prepared_names::left_behind::nothing);
  CHECK(names.evicted().size() == 1);
  CHECK(names.use(a).fresh);
}

TEST_CASE("prepared names: another text under the same name is prepared anew") {
  prepared_names names(4);
  const std::string old = names.use(make("a", "SELECT 1")).server_name;
  CHECK(names.use(make("a", "SELECT 2")).fresh);
  CHECK(names.evicted() == std::vector<std::string>{old});
}

TEST_CASE("prepared names: long names that differ at their end stay apart") {
  prepared_names names(4);
  const std::string one = names.use(make(std::string(200, 'x') + "1")).server_name;
  const std::string two = names.use(make(std::string(200, 'x') + "2")).server_name;
  CHECK(one != two);
  CHECK(one.size() < 63);
}
