// A connection string for another role: the login, the settings and every odd character stay, and the way
// back is what PostgreSQL says it is.
#include "common.hpp"
#include "eventstore/pg/conninfo.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <cstdlib>
#include <doctest/doctest.h>
#include <libpq-fe.h>

using namespace synclog::tests;

namespace {

const test_cluster& cluster_with_roles() {
  static const bool made = [] {
    test_cluster::shared().sql(
        "postgres", "CREATE ROLE taken_on; CREATE ROLE \"odd \\ 'name\"; "
                    "CREATE ROLE login_of_it LOGIN IN ROLE taken_on; CREATE ROLE stranger_to_it LOGIN");
    return true;
  }();
  REQUIRE(made);
  return test_cluster::shared();
}

std::string value(pg::plain_connection& db, const std::string& sql) {
  return std::string(db.run(sql).text(0, 0));
}

// What libpq reads of it.
std::string word(const std::string& conninfo, const std::string& keyword) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(conninfo.c_str(), &error), &PQconninfoFree);
  REQUIRE_MESSAGE(parsed, error);
  for (const auto* one = parsed.get(); one->keyword != nullptr; ++one)
    if (keyword == one->keyword) return one->val == nullptr ? "(none)" : one->val;
  return "(unknown)";
}

} // namespace

TEST_CASE(
    "conninfo: a session is the role from its first statement on, also after RESET, as words and as a URL") {
  const test_cluster& cluster = cluster_with_roles();
  for (const std::string& from :
       {cluster.conninfo("postgres", "login_of_it"), cluster.url("postgres", "login_of_it")}) {
    CAPTURE(from);
    pg::plain_connection db(pg::conninfo_as_role(from, "taken_on"), "", "test");
    CHECK(value(db, "SELECT session_user || ' as ' || current_user") == "login_of_it as taken_on");
    db.run("RESET ROLE");
    CHECK(value(db, "SELECT current_user") == "taken_on");
    db.run("DISCARD ALL");
    CHECK(value(db, "SELECT current_user") == "taken_on");
    // The way back that docs/security.md warns of: the login is what counts.
    db.run("SET ROLE NONE");
    CHECK(value(db, "SELECT current_user") == "login_of_it");
  }
  io_threads threads;
  const auto one =
      connect(threads, at(pg::conninfo_as_role(cluster.url("postgres", "login_of_it"), "taken_on")));
  CHECK(run_sql(threads, *one, "SELECT current_user").results.at(0).text(0, 0) == "taken_on");
  CHECK_THROWS_AS(
      pg::plain_connection(pg::conninfo_as_role(cluster.conninfo("postgres", "stranger_to_it"), "taken_on"),
                           "", "test"),
      pg::unavailable);
}

TEST_CASE("conninfo: passwords, options and names of any characters come through") {
  const std::string made = pg::conninfo_as_role("host='/tmp/a b' user=me password='it\\'s \\'\\\\ %20=' "
                                                "options='-c work_mem=8MB' application_name=mine",
                                                "odd \\ 'name");
  CHECK(word(made, "host") == "/tmp/a b");
  CHECK(word(made, "user") == "me");
  CHECK(word(made, "application_name") == "mine");
  CHECK(word(made, "options") == "-c work_mem=8MB -c role=odd\\ \\\\\\ 'name");
  CHECK(word(made, "port") == "(none)");
  CHECK(word(pg::conninfo_as_role("postgresql://me:p%27%20%5C@host:5433/d%20b?options=-c%20jit%3Doff", "r"),
             "password") == "p' \\");
  CHECK_THROWS_AS(pg::conninfo_as_role("no such thing", "r"), pg::unavailable);

  const test_cluster& cluster = cluster_with_roles();
  pg::plain_connection odd(
      pg::conninfo_as_role(cluster.conninfo() + " options='-c work_mem=8MB'", "odd \\ 'name"), "", "test");
  CHECK(value(odd, "SELECT current_user") == "odd \\ 'name");
  CHECK(value(odd, "SHOW work_mem") == "8MB");
}

TEST_CASE("conninfo: what PGOPTIONS says is taken along") {
  REQUIRE(setenv("PGOPTIONS", "-c work_mem=7MB", 1) == 0);
  CHECK(word(pg::conninfo_as_role("user=me", "r"), "options") == "-c work_mem=7MB -c role=r");
  CHECK(word(pg::conninfo_as_role("user=me options='-c jit=off'", "r"), "options") == "-c jit=off -c role=r");
  REQUIRE(unsetenv("PGOPTIONS") == 0);
}
