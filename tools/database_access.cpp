// See database_access.hpp.
#include "tools/database_access.hpp"

#include "migrations/runner.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <memory>

namespace synclog::tools {

namespace pg = eventstore::pg;

namespace {

constexpr const char* service_role_name = "synclog_app";

struct connection_closer {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};

// What may be shown of a conninfo: where, never the password.
std::string describe(PGconn* connection) {
  const auto text = [](const char* value) { return std::string(value != nullptr ? value : ""); };
  return fmt::format("PostgreSQL database \"{}\" on {} port {} as {}", text(PQdb(connection)),
                     text(PQhost(connection)), text(PQport(connection)), text(PQuser(connection)));
}

std::string single_value(PGconn* connection, const char* sql) {
  PGresult* answer = PQexec(connection, sql);
  std::string value =
      PQresultStatus(answer) == PGRES_TUPLES_OK && PQntuples(answer) == 1 ? PQgetvalue(answer, 0, 0) : "";
  PQclear(answer);
  return value;
}

core::result<database_access> open_named(const std::string& url) {
  const std::unique_ptr<PGconn, connection_closer> connection(PQconnectdb(url.c_str()));
  if (!connection || PQstatus(connection.get()) != CONNECTION_OK) {
    std::string words = connection ? PQerrorMessage(connection.get()) : "out of memory";
    while (!words.empty() && words.back() == '\n') {
      words.pop_back();
    }
    return core::make_problem(core::problem_code::database_unavailable, words);
  }
  database_access access;
  access.owner_conninfo = url;
  access.service_conninfo = url;
  access.description = describe(connection.get());
  const auto sql =
      fmt::format("SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = '{}'",
                  service_role_name);
  const auto member = single_value(connection.get(), sql.c_str());
  const auto user = std::string(PQuser(connection.get()) != nullptr ? PQuser(connection.get()) : "");
  if (member == "t" && user != service_role_name) {
    access.service_role = service_role_name;
  } else if (member == "f") {
    access.warning = fmt::format(
        "role {} is no member of {}: the log may not be protected from this server; fix: GRANT {} TO {}",
        user, service_role_name, service_role_name, user);
  }
  return access;
}

core::result<database_access> open_private(const database_options& wanted) {
  pg::embedded_options options;
  options.data_dir = wanted.data_dir;
  options.when_missing = wanted.when_missing;
  auto started = pg::embedded_cluster::start(std::move(options));
  if (!started) {
    return started.error();
  }
  database_access access;
  access.cluster = std::move(*started);
  access.owner_conninfo = access.cluster->urls().owner;
  access.service_conninfo = access.cluster->urls().service;
  const auto how = access.cluster->how();
  access.description = fmt::format("private PostgreSQL in {} ({})", access.cluster->data_dir(),
                                   how == pg::embedded_cluster::origin::created   ? "created"
                                   : how == pg::embedded_cluster::origin::adopted ? "already running"
                                                                                  : "started");
  return access;
}

} // namespace

void add_database_options(CLI::App& app, database_options& options) {
  app.add_option("--database-url", options.database_url,
                 "PostgreSQL to use, as a URL or key=value words (default: a private one in --data-dir)")
      ->envname("DATABASE_URL");
  app.add_option("--data-dir", options.data_dir,
                 "folder of the private PostgreSQL (default: " + pg::default_data_dir() + ")")
      ->envname("SYNCLOG_DATA_DIR");
}

core::result<database_access> open_database(const database_options& options) {
  return options.database_url.empty() ? open_private(options) : open_named(options.database_url);
}

core::result<void> check_schema(const database_access& access) {
  const auto state = migrations::check(access.owner_conninfo);
  if (!state) {
    return state.error();
  }
  switch (*state) {
  case migrations::schema_state::current:
    return {};
  case migrations::schema_state::newer:
    return core::make_problem(
        core::problem_code::precondition_failed,
        "the database was made by a newer synclog; fix: use that version or a later one");
  default:
    return core::make_problem(
        core::problem_code::precondition_failed,
        fmt::format("the database's schema is {}; fix: run `synclog migrate up`",
                    *state == migrations::schema_state::empty ? "missing" : "older than this program"));
  }
}

int report_problem(const core::problem& why) {
  fmt::print(stderr, "synclog: {}\n", harmless_lines(why.detail));
  for (const auto& error : why.errors) {
    fmt::print(stderr, "  {}: {}\n", harmless(error.pointer), harmless_lines(error.detail));
  }
  return why.code == core::problem_code::database_unavailable ? exit_database_unreachable : exit_failure;
}

} // namespace synclog::tools
