// What a login could do to the log, and what could lose what the log acknowledges: each with its fix.
#include "migrations/guard.hpp"
#include "migrations/runner.hpp"
#include "pg/migrations/log_database.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

test_cluster& cluster() {
  return test_cluster::shared();
}

std::string powers_of(const std::string& conninfo) {
  const auto found = migrations::look_at_guard(conninfo);
  REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().detail));
  return fmt::format("{}", fmt::join(found->powers, "\n"));
}

std::string losses_of(const std::string& conninfo) {
  const auto found = migrations::look_at_guard(conninfo);
  REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().detail));
  return fmt::format("{}", fmt::join(found->losses, "\n"));
}

} // namespace

TEST_CASE("guard: a login that could alter the log is named with each of its powers and the fix") {
  const std::string database = migrated_database();
  cluster().sql("postgres", "DROP ROLE IF EXISTS guard_owner; DROP ROLE IF EXISTS guard_friend; "
                            "CREATE ROLE guard_owner LOGIN; CREATE ROLE guard_friend LOGIN NOINHERIT");
  cluster().sql(database, "GRANT synclog_app TO guard_friend; GRANT USAGE ON SCHEMA synclog TO guard_owner");
  const std::string service = as_login(database, "synclog_app");
  const std::string friendly = cluster().conninfo(database, "guard_friend");
  CHECK(powers_of(service) == "");
  CHECK(powers_of(friendly) == "");
  CHECK(powers_of(friendly + " options='-c role=synclog_app'") == "");

  const std::string superuser = powers_of(cluster().conninfo(database) + " options='-c role=synclog_app'");
  CHECK(superuser == "database login postgres is a superuser, so whoever took over this server could alter "
                     "the log; fix: give the "
                     "server a login of its own (ALTER ROLE synclog_app LOGIN PASSWORD '…') in DATABASE_URL, "
                     "and this one to "
                     "`synclog migrate` as --owner-url");

  const auto after = [&](const std::string& change, const std::string& undo) {
    cluster().sql(database, change);
    const std::string found = powers_of(friendly);
    cluster().sql(database, undo);
    return found;
  };
  for (const std::string right : {"UPDATE", "DELETE", "TRUNCATE", "TRIGGER"}) {
    CAPTURE(right);
    CHECK(has(after("GRANT " + right + " ON synclog.events TO guard_friend",
                    "REVOKE " + right + " ON synclog.events FROM guard_friend"),
              "guard_friend has the right " + right + ","));
  }
  CHECK(has(after("GRANT UPDATE (hash) ON synclog.events TO guard_friend",
                  "REVOKE UPDATE (hash) ON synclog.events FROM guard_friend"),
            "fix: REVOKE UPDATE ON synclog.events FROM guard_friend"));
  CHECK(has(after("ALTER ROLE guard_friend CREATEROLE", "ALTER ROLE guard_friend NOCREATEROLE"),
            "fix: ALTER ROLE guard_friend NOCREATEROLE"));
  CHECK(has(
      after("GRANT pg_write_server_files TO guard_friend", "REVOKE pg_write_server_files FROM guard_friend"),
      "may become pg_write_server_files"));
  CHECK(has(after("ALTER TABLE synclog.events DISABLE TRIGGER append_only",
                  "ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only"),
            "append_only"));
  // An ordinary trigger is switched off by session_replication_role.
  CHECK(has(after("ALTER TABLE synclog.events ENABLE TRIGGER append_only",
                  "ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only"),
            "append_only"));
  CHECK(has(after("ALTER DATABASE " + database + " OWNER TO guard_friend",
                  "ALTER DATABASE " + database + " OWNER TO postgres"),
            "guard_friend owns the database"));
  cluster().sql(database, "ALTER TABLE synclog.events OWNER TO guard_owner");
  CHECK(has(powers_of(cluster().conninfo(database, "guard_owner")), "guard_owner owns the log"));
  CHECK(has(after("GRANT guard_owner TO guard_friend", "REVOKE guard_owner FROM guard_friend"),
            "guard_friend may become guard_owner, the log's owner"));
  CHECK(powers_of(friendly) == "");
}

TEST_CASE(
    "guard: what a login could do only by SET ROLE to a group, or to a group of a group, is named too") {
  const std::string database = migrated_database();
  cluster().sql("postgres", "DROP ROLE IF EXISTS guard_front; DROP ROLE IF EXISTS guard_group; "
                            "DROP ROLE IF EXISTS guard_between; CREATE ROLE guard_front LOGIN NOINHERIT; "
                            "CREATE ROLE guard_group; CREATE ROLE guard_between NOINHERIT; "
                            "GRANT guard_group TO guard_between; GRANT guard_between TO guard_front; "
                            "GRANT synclog_app TO guard_front");
  const std::string front = cluster().conninfo(database, "guard_front");
  const std::string serving = front + " options='-c role=synclog_app'";
  CHECK(powers_of(front) == "");
  CHECK(powers_of(serving) == "");
  CHECK(powers_of(as_login(database, "synclog_app")) == "");
  // The groups are the whole cluster's.
  const auto after = [&](const std::string& change, const std::string& undo) {
    cluster().sql(database, change);
    const std::string found = powers_of(serving);
    CHECK(powers_of(front) == found);
    cluster().sql(database, undo);
    return found;
  };
  const std::string begin = "database login guard_front may become guard_group, which ";
  const std::string middle = ", so whoever took over this server could alter the log; fix: ";
  CHECK(after("ALTER ROLE guard_group SUPERUSER", "ALTER ROLE guard_group NOSUPERUSER") ==
        begin + "is a superuser" + middle +
            "give the server a login of its own (ALTER ROLE synclog_app LOGIN PASSWORD '…') in DATABASE_URL, "
            "and "
            "this one to `synclog migrate` as --owner-url");
  CHECK(after("ALTER ROLE guard_group CREATEROLE", "ALTER ROLE guard_group NOCREATEROLE") ==
        begin + "may make itself a member of other roles" + middle + "ALTER ROLE guard_group NOCREATEROLE");
  CHECK(after("GRANT UPDATE ON synclog.events TO guard_group",
              "REVOKE UPDATE ON synclog.events FROM guard_group") ==
        begin + "has the right UPDATE" + middle + "REVOKE UPDATE ON synclog.events FROM guard_group");
  CHECK(has(after("GRANT UPDATE (hash) ON synclog.events TO guard_group",
                  "REVOKE UPDATE (hash) ON synclog.events FROM guard_group"),
            begin + "has the right UPDATE"));
  // Inherited, it is the login's own, and the fix names where it comes from.
  CHECK(after("GRANT DELETE ON synclog.events TO guard_group; ALTER ROLE guard_front INHERIT; "
              "ALTER ROLE guard_between INHERIT",
              "REVOKE DELETE ON synclog.events FROM guard_group; ALTER ROLE guard_front NOINHERIT; "
              "ALTER ROLE guard_between NOINHERIT") ==
        "database login guard_front has the right DELETE" + middle +
            "REVOKE DELETE ON synclog.events FROM guard_group");
  CHECK(powers_of(serving) == "");
}

TEST_CASE("guard: what could lose an acknowledged write is named, wherever it was said") {
  test_cluster durable({.durable = true});
  const std::string database = durable.fresh_database();
  REQUIRE(migrations::up(durable.conninfo(database)).has_value());
  durable.sql("postgres", "ALTER ROLE synclog_app LOGIN");
  const std::string service = durable.conninfo(database, "synclog_app");
  CHECK(losses_of(service) == "");
  const auto after = [&](const std::string& change, const std::string& undo) {
    durable.sql(database, change);
    const std::string found = losses_of(service);
    const bool refused = !migrations::check_durability(service).has_value();
    durable.sql(database, undo);
    CHECK(refused);
    return found;
  };
  CHECK(after("ALTER ROLE synclog_app SET synchronous_commit = off", "ALTER ROLE synclog_app RESET ALL") ==
        "synchronous_commit = off: a crash would lose what was acknowledged. Set synchronous_commit = on: "
        "ALTER ROLE "
        "synclog_app RESET synchronous_commit");
  CHECK(has(after("ALTER ROLE synclog_app IN DATABASE " + database + " SET synchronous_commit = off",
                  "ALTER ROLE synclog_app IN DATABASE " + database + " RESET ALL"),
            "ALTER ROLE synclog_app IN DATABASE " + database + " RESET synchronous_commit"));
  CHECK(has(after("ALTER DATABASE " + database + " SET synchronous_commit = off",
                  "ALTER DATABASE " + database + " RESET ALL"),
            "ALTER DATABASE " + database + " RESET synchronous_commit"));
  CHECK(has(after("ALTER ROLE ALL SET synchronous_commit = off", "ALTER ROLE ALL RESET ALL"),
            "ALTER ROLE ALL RESET synchronous_commit"));
  durable.sql("postgres", "ALTER ROLE synclog_app SET synchronous_commit = off");
  CHECK(losses_of(service + " options='-c synchronous_commit=on'") == ""); // what the URL asks for wins
  durable.sql("postgres", "ALTER ROLE synclog_app RESET ALL");
  // sessions and tickets hang on tokens: a logged table may not refer to an unlogged one
  for (const char* table : {"synclog.events", "synclog.idempotency", "synclog.tickets"}) {
    CAPTURE(table);
    CHECK(after(fmt::format("ALTER TABLE {} SET UNLOGGED", table),
                fmt::format("ALTER TABLE {} SET LOGGED", table)) ==
          fmt::format("table {0} is UNLOGGED: a crash would empty it. ALTER TABLE {0} SET LOGGED", table));
  }
  CHECK(has(after("SET ROLE synclog_app; CREATE UNLOGGED TABLE public.clients (id text)",
                  "DROP TABLE public.clients"),
            "table public.clients is UNLOGGED"));
  CHECK(losses_of(service) == "");
}
