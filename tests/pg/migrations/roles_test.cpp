// The service role: each of its rights, what it tries in vain, and what comes to it from an older schema.
#include "eventstore/pg/plain_connection.hpp"
#include "migrations/runner.hpp"
#include "migrations/session.hpp"
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

std::string value(const std::string& database, const std::string& sql) {
  return cluster().sql(database, sql);
}

// Whatever kind of object has a list of rights: all that name the service role, or everybody within the log.
constexpr const char* granted = R"sql(
WITH lists(object, acl) AS (
  SELECT 'table ' || oid::regclass, relacl FROM pg_class
  UNION ALL SELECT 'column ' || attrelid::regclass || '.' || attname, attacl FROM pg_attribute
  UNION ALL SELECT 'function ' || oid::regproc,
                   coalesce(proacl, CASE WHEN pronamespace = 'synclog'::regnamespace THEN acldefault('f', proowner) END)
            FROM pg_proc
  UNION ALL SELECT 'schema ' || nspname, nspacl FROM pg_namespace
  UNION ALL SELECT 'database', datacl FROM pg_database WHERE datname = current_database()
  UNION ALL SELECT 'type ' || oid::regtype, typacl FROM pg_type
  UNION ALL SELECT 'language ' || lanname, lanacl FROM pg_language
  UNION ALL SELECT 'tablespace ' || spcname, spcacl FROM pg_tablespace
  UNION ALL SELECT 'wrapper ' || fdwname, fdwacl FROM pg_foreign_data_wrapper
  UNION ALL SELECT 'server ' || srvname, srvacl FROM pg_foreign_server
  UNION ALL SELECT 'large object ' || oid, lomacl FROM pg_largeobject_metadata
  UNION ALL SELECT 'setting ' || parname, paracl FROM pg_parameter_acl
  UNION ALL SELECT 'default ' || defaclobjtype::text, defaclacl FROM pg_default_acl
)
SELECT coalesce(string_agg(format('%s: %s%s', object, a.privilege_type, CASE WHEN a.is_grantable THEN ' (to pass on)' ELSE '' END),
                           E'\n' ORDER BY object COLLATE "C", a.privilege_type COLLATE "C"), '')
FROM lists CROSS JOIN LATERAL aclexplode(acl) AS a
WHERE a.grantee = to_regrole('synclog_app') OR (a.grantee = 0 AND object LIKE '%synclog%'))sql";

// "" or the SQLSTATE, in PostgreSQL's words.
std::string refusal(const std::string& conninfo, const std::string& statement) {
  auto session = migrations::session::open(conninfo, std::chrono::seconds(10));
  REQUIRE_MESSAGE(session.has_value(), (session ? "" : session.error().detail));
  const auto answer = session->script(statement);
  if (answer) return "";
  const auto at = answer.error().detail.find("(SQLSTATE ");
  return at == std::string::npos ? answer.error().detail : answer.error().detail.substr(at + 10, 5);
}

} // namespace

TEST_CASE("roles: the service role has these rights and no other, and everybody has none") {
  const std::string database = migrated_database();
  CHECK(value(database, granted) == "column synclog.tokens.last_used_on: UPDATE\n"
                                    "function synclog.create_token: EXECUTE\n"
                                    "function synclog.data_hash: EXECUTE\n"
                                    "function synclog.envelope_hash: EXECUTE\n"
                                    "function synclog.event_hash: EXECUTE\n"
                                    "function synclog.genesis_hash: EXECUTE\n"
                                    "function synclog.revoke_token: EXECUTE\n"
                                    "function synclog.verify_chain: EXECUTE\n"
                                    "schema public: CREATE\n"
                                    "schema public: USAGE\n"
                                    "schema synclog: USAGE\n"
                                    "table synclog.definitions: INSERT\n"
                                    "table synclog.definitions: SELECT\n"
                                    "table synclog.definitions: UPDATE\n"
                                    "table synclog.events: INSERT\n"
                                    "table synclog.events: SELECT\n"
                                    "table synclog.idempotency: INSERT\n"
                                    "table synclog.idempotency: SELECT\n"
                                    "table synclog.log_meta: SELECT\n"
                                    "table synclog.migrations: SELECT\n"
                                    "table synclog.read_tables: INSERT\n"
                                    "table synclog.read_tables: SELECT\n"
                                    "table synclog.read_tables: UPDATE\n"
                                    "table synclog.sessions: DELETE\n"
                                    "table synclog.sessions: INSERT\n"
                                    "table synclog.sessions: SELECT\n"
                                    "table synclog.tickets: DELETE\n"
                                    "table synclog.tickets: INSERT\n"
                                    "table synclog.tickets: SELECT\n"
                                    "table synclog.tokens: SELECT");
  CHECK(value(database,
              "SELECT concat_ws(' ', rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls) "
              "FROM pg_roles WHERE rolname = 'synclog_app'") == "f f f f f");
  CHECK(value(database, "SELECT count(*) FROM pg_auth_members WHERE member = 'synclog_app'::regrole") == "0");
  CHECK(value(database,
              "SELECT count(*) FROM pg_shdepend d JOIN pg_database b ON b.oid = d.dbid WHERE b.datname = "
              "current_database() AND d.refobjid = 'synclog_app'::regrole AND d.deptype = 'o'") == "0");
  CHECK(value(database, "SELECT has_database_privilege('synclog_app', current_database(), 'CREATE')") == "f");
}

TEST_CASE("roles: `migrate verify` names each right that lacks or is too many") {
  const std::string database = migrated_database();
  const auto defects = [&database] {
    const auto found = migrations::verify(cluster().conninfo(database));
    REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().detail));
    return fmt::format("{}", fmt::join(*found, "\n"));
  };
  CHECK(defects() == "");
  const auto after = [&](const std::string& change, const std::string& undo) {
    cluster().sql(database, change);
    const std::string found = defects();
    cluster().sql(database, undo);
    return found;
  };
  const std::string lacks = "the service role synclog_app lacks a right: ";
  const std::string too_many = "the service role synclog_app has a right too many: ";
  CHECK(after("REVOKE INSERT ON synclog.events FROM synclog_app",
              "GRANT INSERT ON synclog.events TO synclog_app") ==
        lacks + "GRANT INSERT ON TABLE synclog.events TO synclog_app");
  CHECK(after("REVOKE UPDATE (last_used_on) ON synclog.tokens FROM synclog_app",
              "GRANT UPDATE (last_used_on) ON synclog.tokens TO synclog_app") ==
        lacks + "GRANT UPDATE (last_used_on) ON TABLE synclog.tokens TO synclog_app");
  CHECK(after("REVOKE CREATE ON SCHEMA public FROM synclog_app",
              "GRANT CREATE ON SCHEMA public TO synclog_app") ==
        lacks + "GRANT CREATE ON SCHEMA public TO synclog_app");
  CHECK(after("REVOKE EXECUTE ON FUNCTION synclog.verify_chain FROM synclog_app",
              "GRANT EXECUTE ON FUNCTION synclog.verify_chain TO synclog_app") ==
        lacks + "GRANT EXECUTE ON FUNCTION synclog.verify_chain TO synclog_app");
  CHECK(after("GRANT UPDATE (branch) ON synclog.events TO synclog_app",
              "REVOKE UPDATE (branch) ON synclog.events FROM synclog_app") ==
        too_many + "UPDATE (branch) on synclog.events; revoke that");
  CHECK(after("GRANT EXECUTE ON FUNCTION synclog.adopt_log_id TO PUBLIC",
              "REVOKE EXECUTE ON FUNCTION synclog.adopt_log_id FROM PUBLIC") ==
        too_many + "EXECUTE on synclog.adopt_log_id; revoke that");
  CHECK(after("CREATE TABLE synclog.more (id text); GRANT SELECT ON synclog.more TO synclog_app",
              "DROP TABLE synclog.more") == too_many + "SELECT on synclog.more; revoke that");
  CHECK(defects() == "");
}

TEST_CASE("roles: `migrate verify` names each attribute and each membership of the service role") {
  const std::string database = migrated_database();
  const auto after = [&database](const std::string& change, const std::string& undo) {
    cluster().sql(database, change);
    const auto found = migrations::verify(cluster().conninfo(database));
    cluster().sql(database, undo);
    REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().detail));
    return fmt::format("{}", fmt::join(*found, "\n"));
  };
  for (const std::string attribute : {"CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"}) {
    CAPTURE(attribute);
    CHECK(after("ALTER ROLE synclog_app " + attribute, "ALTER ROLE synclog_app NO" + attribute) ==
          "the service role synclog_app has the attribute " + attribute + ": ALTER ROLE synclog_app NO" +
              attribute);
  }
  CHECK(has(after("ALTER ROLE synclog_app SUPERUSER", "ALTER ROLE synclog_app NOSUPERUSER"),
            "ALTER ROLE synclog_app NOSUPERUSER"));
  cluster().sql("postgres", "DROP ROLE IF EXISTS \"verify friends\"; CREATE ROLE \"verify friends\"");
  CHECK(after("GRANT \"verify friends\" TO synclog_app", "REVOKE \"verify friends\" FROM synclog_app") ==
        "the service role synclog_app is a member of \"verify friends\": REVOKE \"verify friends\" FROM "
        "synclog_app");
  CHECK(after("GRANT pg_read_server_files TO synclog_app", "REVOKE pg_read_server_files FROM synclog_app") ==
        "the service role synclog_app is a member of pg_read_server_files: REVOKE pg_read_server_files FROM "
        "synclog_app");
  CHECK(after("SELECT", "SELECT") == "");
}

TEST_CASE("roles: whatever the service role tries on the log, its guards and its own rights is refused") {
  const std::string database = migrated_database();
  const std::string service = as_login(database, "synclog_app");
  REQUIRE(refusal(service, "SELECT * FROM synclog.events") == "");
  for (const char* statement :
       {"UPDATE synclog.events SET version = 2",
        "UPDATE synclog.events SET hash = hash WHERE false",
        "DELETE FROM synclog.events",
        "WITH gone AS (DELETE FROM synclog.events RETURNING 1) SELECT count(*) FROM gone",
        "TRUNCATE synclog.events",
        "SELECT * FROM synclog.events FOR UPDATE",
        "INSERT INTO synclog.events SELECT * FROM synclog.events ON CONFLICT (position) DO UPDATE SET "
        "version = 9",
        "MERGE INTO synclog.events USING synclog.log_meta ON true WHEN MATCHED THEN DELETE",
        "COPY synclog.events FROM '/etc/hostname'",
        "COPY synclog.events FROM PROGRAM 'true'",
        "COPY synclog.events TO PROGRAM 'true'",
        "ALTER TABLE synclog.events DISABLE TRIGGER append_only",
        "ALTER TABLE synclog.events DISABLE TRIGGER ALL",
        "DROP TRIGGER append_only ON synclog.events",
        "CREATE TRIGGER mine BEFORE INSERT ON synclog.events FOR EACH ROW EXECUTE FUNCTION "
        "suppress_redundant_updates_trigger()",
        "CREATE RULE mine AS ON INSERT TO synclog.events DO INSTEAD NOTHING",
        "ALTER TABLE synclog.events ADD COLUMN extra text",
        "ALTER TABLE synclog.events SET UNLOGGED",
        "ALTER TABLE synclog.events OWNER TO synclog_app",
        "ALTER TABLE synclog.events RENAME TO old",
        "DROP TABLE synclog.events",
        "DROP SCHEMA synclog CASCADE",
        "ALTER SCHEMA synclog RENAME TO old",
        "CREATE TABLE synclog.mine (id text)",
        "CREATE INDEX ON synclog.events (branch)",
        "BEGIN; LOCK TABLE synclog.events IN ACCESS EXCLUSIVE MODE",
        "CLUSTER synclog.events USING events_pkey",
        "REINDEX TABLE synclog.events",
        "CREATE SCHEMA mine",
        "UPDATE synclog.log_meta SET log_id = gen_random_uuid()",
        "SELECT synclog.adopt_log_id(gen_random_uuid())",
        "CREATE OR REPLACE FUNCTION synclog.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
        "RETURN NULL; "
        "END$$",
        "DROP FUNCTION synclog.refuse_change() CASCADE",
        "SET session_replication_role = replica",
        "ALTER SYSTEM SET fsync = off",
        "ALTER ROLE synclog_app SUPERUSER",
        "CREATE ROLE mine",
        "GRANT postgres TO synclog_app",
        "SET ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT lo_export(1, '/tmp/x')"}) {
    CAPTURE(std::string(statement));
    CHECK(refusal(service, statement) == "42501");
  }
  // A warning in PostgreSQL, and nothing given.
  CHECK(refusal(service, "GRANT UPDATE ON synclog.events TO synclog_app") == "");
  CHECK(value(database, "SELECT has_table_privilege('synclog_app', 'synclog.events', 'UPDATE')") == "f");
  CHECK(refusal(service,
                "RESET ROLE; SET ROLE NONE; RESET SESSION AUTHORIZATION; DELETE FROM synclog.events") ==
        "42501");
}

TEST_CASE("migration 3: read tables of another login, and what a rebuild left, come into the service role's "
          "hands") {
  const auto earlier = migrations::embedded_migration_files().first(2);
  test_cluster own;
  own.sql("postgres", "CREATE ROLE log_owner LOGIN; CREATE ROLE synclog_app; GRANT synclog_app TO log_owner");
  own.sql("postgres", "CREATE DATABASE before OWNER log_owner");
  const std::string owner = own.conninfo("before", "log_owner");
  REQUIRE(migrations::up(owner, {.files = earlier}).has_value());
  own.sql("before", R"(SET ROLE log_owner;
    CREATE TABLE clients (id text PRIMARY KEY, version bigint, position bigint, created_at timestamptz,
                          updated_at timestamptz, email text UNIQUE, doc json);
    CREATE TABLE mine (id text);
    CREATE TABLE named (id text);
    CREATE TABLE synclog_shadow_1 (id text);
    COMMENT ON TABLE synclog_shadow_1 IS 'synclog: a read table of clients that is being rebuilt; dropped by the next rebuild';
    CREATE TABLE synclog_shadow_of_mine (id text);
    INSERT INTO synclog.read_tables VALUES ('clients', 'clients', ''), ('named', 'named', ''))");
  const auto owner_of = [&own](const std::string& table) {
    return own.sql("before", "SELECT relowner::regrole FROM pg_class WHERE oid = '" + table + "'::regclass");
  };
  SUBCASE("when the migrating login may give them") {
    const auto done = migrations::up(owner);
    REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().detail));
    CHECK(done->applied.at(0) == "003 roles");
    CHECK(owner_of("clients") == "synclog_app");
    CHECK(owner_of("clients_email_key") == "synclog_app");
    CHECK(owner_of("synclog_shadow_1") == "synclog_app");
    CHECK(owner_of("mine") == "log_owner");
    CHECK(owner_of("named") == "log_owner"); // no read table, whatever the service role wrote of it
    CHECK(owner_of("synclog_shadow_of_mine") == "log_owner");
    own.sql("before", "DELETE FROM synclog.read_tables WHERE entity = 'named'");
    CHECK(migrations::verify(owner)->empty());
    own.sql("before", "ALTER TABLE clients OWNER TO log_owner");
    const auto defects = migrations::verify(owner);
    REQUIRE(defects->size() == 1);
    CHECK(has(defects->at(0), "OWNER TO synclog_app"));
  }
  SUBCASE("behind a long read of a server that runs: it waits for so long, gives up, and leaves nothing") {
    eventstore::pg::plain_connection reader(owner, "", "test");
    reader.run("BEGIN");
    reader.run("SELECT FROM clients");
    const auto refused = migrations::up(owner, {.lock_timeout = std::chrono::milliseconds(100)});
    REQUIRE(!refused.has_value());
    CHECK(refused.error().code == core::problem_code::overloaded);
    CHECK(has(refused.error().detail, "migration 003 roles failed and left nothing behind"));
    CHECK(owner_of("synclog_shadow_1") == "log_owner");
    CHECK(own.sql("before", "SELECT has_function_privilege('synclog_app', 'synclog.adopt_log_id(uuid)', "
                            "'EXECUTE')") == "t");
    reader.run("COMMIT");
    CHECK(migrations::up(owner).has_value());
    CHECK(owner_of("clients") == "synclog_app");
  }
  SUBCASE("when it may not, it says who can") {
    own.sql("before", "ALTER TABLE clients OWNER TO postgres");
    const auto refused = migrations::up(owner);
    REQUIRE(!refused.has_value());
    CHECK(
        has(refused.error().detail, "As a superuser run: ALTER TABLE public.clients OWNER TO synclog_app;"));
    CHECK(migrations::check(owner).value() == migrations::schema_state::older);
  }
}
