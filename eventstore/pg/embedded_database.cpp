// The database and the roles of the private cluster, by synchronous libpq as its superuser.
#include "eventstore/pg/embedded_database.hpp"
#include "eventstore/pg/conninfo.hpp"
#include <array>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <memory>

namespace synclog::eventstore::pg::embedded {

namespace {

using owned_connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using owned_result = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr const char* is_complete = "SELECT count(*) = 1 FROM pg_database WHERE datname = 'synclog'";

// The owner is a member of the service role, so that it can replace the read tables that role owns; not the
// other way round, so the service cannot touch the log. Both roles being there already, the migrations need
// no CREATEROLE.
constexpr std::array<const char*, 4> make_all{
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'synclog_app') THEN CREATE ROLE "
    "synclog_app LOGIN; END IF; END $$",
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'synclog_owner') THEN CREATE ROLE "
    "synclog_owner LOGIN; END IF; END $$",
    "GRANT synclog_app TO synclog_owner", "CREATE DATABASE synclog OWNER synclog_owner"};

core::problem failed(std::string_view what, const PGconn* session) {
  return core::make_problem(core::problem_code::database_unavailable,
                            fmt::format("{}: {}", what, PQerrorMessage(session)));
}

} // namespace

std::string conninfo_for(const std::string& socket_dir, const std::string& database,
                         const std::string& role) {
  return fmt::format("host={} port=5432 dbname={} user={} gssencmode=disable",
                     quoted_conninfo_value(socket_dir), database, role);
}

core::result<void> ensure_database(const layout& where, const std::string& socket_dir) {
  const std::string target =
      conninfo_for(socket_dir, "postgres", "postgres") +
      " connect_timeout=10 application_name='synclog start' options='-c statement_timeout=60s'";
  const owned_connection session(PQconnectdb(target.c_str()), &PQfinish);
  if (PQstatus(session.get()) != CONNECTION_OK) {
    return failed(fmt::format("user {} cannot use the database in {} (it runs as user {})",
                              where.invoker.name, where.data_dir, where.runs_as.name),
                  session.get());
  }
  PQsetNoticeReceiver(
      session.get(), [](void*, const PGresult*) {}, nullptr);
  const owned_result seen(PQexec(session.get(), is_complete), &PQclear);
  if (PQresultStatus(seen.get()) != PGRES_TUPLES_OK)
    return failed("cannot look into the private database", session.get());
  if (std::string_view(PQgetvalue(seen.get(), 0, 0)) == "t") return {};
  for (const char* statement : make_all) {
    const owned_result done(PQexec(session.get(), statement), &PQclear);
    if (PQresultStatus(done.get()) != PGRES_COMMAND_OK)
      return failed("cannot set up the private database", session.get());
  }
  return {};
}

} // namespace synclog::eventstore::pg::embedded
