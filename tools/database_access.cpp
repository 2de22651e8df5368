// See database_access.hpp.
#include "tools/database_access.hpp"

#include "eventstore/pg/conninfo.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "migrations/runner.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/service_login.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <memory>
#include <string_view>

namespace synclog::tools {

namespace pg = eventstore::pg;

namespace {

struct connection_closer {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using open_connection = std::unique_ptr<PGconn, connection_closer>;

// What may be shown of a conninfo: where, never the password.
std::string describe(PGconn* connection) {
  const auto text = [](const char* value) { return std::string(value != nullptr ? value : ""); };
  return fmt::format("PostgreSQL database \"{}\" on {} port {} as {}", text(PQdb(connection)),
                     text(PQhost(connection)), text(PQport(connection)), text(PQuser(connection)));
}

// "" when there is none, also because it was refused.
std::string single_value(PGconn* connection, const char* sql) {
  PGresult* answer = PQexec(connection, sql);
  std::string value =
      PQresultStatus(answer) == PGRES_TUPLES_OK && PQntuples(answer) == 1 ? PQgetvalue(answer, 0, 0) : "";
  PQclear(answer);
  return value;
}

core::result<open_connection> connect(const std::string& url) {
  // Behind ours come the words of the URL, which win.
  const char* const keys[] = {"connect_timeout", "dbname", nullptr};
  const char* const values[] = {"20", url.c_str(), nullptr};
  open_connection made(PQconnectdbParams(keys, values, 1));
  if (made && PQstatus(made.get()) == CONNECTION_OK) {
    // It may be the owner's, and the service role may put functions into schema public.
    PQclear(PQexec(made.get(), "SET search_path = pg_catalog"));
    return made;
  }
  std::string words = made ? PQerrorMessage(made.get()) : "out of memory";
  while (!words.empty() && words.back() == '\n') {
    words.pop_back();
  }
  return core::make_problem(core::problem_code::database_unavailable, words);
}

// The same for every login, and different for any two databases.
std::string identity_of(PGconn* connection) {
  return single_value(connection,
                      "SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()), d.oid) "
                      "FROM pg_database d WHERE d.datname = current_database()");
}

// Who the service's sessions are. Without the role, in a database that was never migrated, they are whoever
// logs in: nothing is served there.
core::result<void> settle_service(PGconn* connection, database_access& access) {
  access.service_conninfo = access.database_url;
  access.not_serving.clear();
  const int version = PQserverVersion(connection);
  const auto login = single_value(connection, service_login_sql(version).c_str());
  const auto user = single_value(connection, "SELECT quote_ident(session_user)");
  if (login == "member") {
    try {
      access.service_conninfo = pg::conninfo_as_role(access.database_url, service_role);
    } catch (const pg::unavailable& failed) {
      return core::make_problem(core::problem_code::database_unavailable, failed.what());
    }
  } else if (login == "stranger") {
    access.not_serving = stranger_sentence(user, version);
  } else if (login.empty()) {
    access.not_serving =
        fmt::format("the role {} is missing, and with it its rights; fix: restore the roles of the cluster "
                    "(pg_dumpall --roles-only), then the database once more",
                    service_role);
  }
  return {};
}

core::result<database_access> open_named(const database_options& options) {
  database_access access;
  access.owner_conninfo = options.owner_url.empty() ? options.database_url : options.owner_url;
  const bool owner_alone = options.as == database_options::login::owner && !options.owner_url.empty();
  access.database_url = owner_alone ? options.owner_url : options.database_url;
  if (access.database_url.empty()) {
    return core::make_problem(core::problem_code::precondition_failed,
                              "--owner-url (SYNCLOG_OWNER_URL) names the owner of the log and nobody who "
                              "serves it; fix: --database-url (DATABASE_URL) for the service's login");
  }
  const auto service = connect(access.database_url);
  if (!service) {
    return service.error();
  }
  access.description = describe(service->get());
  if (const auto settled = settle_service(service->get(), access); !settled) {
    return settled.error();
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
  app.add_option("--owner-url", options.owner_url,
                 "the same database as the owner of the log, for migrations and what else only he may "
                 "(default: --database-url)")
      ->envname("SYNCLOG_OWNER_URL");
  app.add_option("--data-dir", options.data_dir,
                 "folder of the private PostgreSQL (default: " + pg::default_data_dir() + ")")
      ->envname("SYNCLOG_DATA_DIR");
}

core::result<database_access> open_database(const database_options& options) {
  const bool is_private = options.database_url.empty() && options.owner_url.empty();
  return is_private ? open_private(options) : open_named(options);
}

core::result<void> check_owner(const database_access& access) {
  if (access.cluster || access.owner_conninfo == access.database_url) {
    return {};
  }
  const auto service = connect(access.database_url);
  if (!service) {
    return service.error();
  }
  const auto owner = connect(access.owner_conninfo);
  if (!owner) {
    return owner.error();
  }
  const std::string served = identity_of(service->get());
  const std::string owned = identity_of(owner->get());
  // Where one of them may not ask for it, nothing is known.
  if (!served.empty() && !owned.empty() && served != owned) {
    return core::make_problem(
        core::problem_code::precondition_failed,
        fmt::format("--owner-url is {}, --database-url is {}: they must be one database",
                    describe(owner->get()), access.description));
  }
  return {};
}

core::result<pg::plain_connection> open_owner(const database_access& access,
                                              const std::string& application_name) {
  if (const auto is_one = check_owner(access); !is_one) {
    return is_one.error();
  }
  return pg::plain_connection(access.owner_conninfo, "", application_name);
}

core::result<std::vector<std::string>> bring_up_to_date(database_access& access) {
  if (const auto is_one = check_owner(access); !is_one) {
    return is_one.error();
  }
  auto done = migrations::up(access.owner_conninfo);
  if (!done) {
    return done.error();
  }
  if (!access.cluster) {
    const auto service = connect(access.database_url);
    if (!service) {
      return service.error();
    }
    if (const auto settled = settle_service(service->get(), access); !settled) {
      return settled.error();
    }
  }
  return std::move(done->applied);
}

core::result<void> check_schema(const database_access& access) {
  // By whoever serves where it can: the login by itself may have no rights (NOINHERIT).
  const bool can_serve = access.not_serving.empty();
  if (!can_serve) {
    if (const auto is_one = check_owner(access); !is_one) {
      return is_one.error();
    }
  }
  const auto state = migrations::check(can_serve ? access.service_conninfo : access.owner_conninfo);
  if (!state) {
    const bool is_stranger = state.error().code == core::problem_code::forbidden && !can_serve;
    return is_stranger ? core::make_problem(core::problem_code::forbidden, access.not_serving)
                       : state.error();
  }
  switch (*state) {
  case migrations::schema_state::current:
    if (!can_serve) {
      return core::make_problem(core::problem_code::forbidden, access.not_serving);
    }
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

core::problem problem_of(const pg::query_failed& failed) {
  if (pg::classify(failed.info().sqlstate) != pg::meaning::not_allowed) {
    return core::make_problem(core::problem_code::internal, failed.what());
  }
  return core::make_problem(
      core::problem_code::forbidden,
      fmt::format(
          "{}: the role {} lacks a right, or its login does; fix: `synclog migrate verify` by the owner of "
          "the log names what lacks",
          failed.info().message, service_role));
}

int report_problem(const core::problem& why) {
  fmt::print(stderr, "synclog: {}\n", harmless_lines(why.detail));
  for (const auto& error : why.errors) {
    fmt::print(stderr, "  {}: {}\n", harmless(error.pointer), harmless_lines(error.detail));
  }
  return why.code == core::problem_code::database_unavailable ? exit_database_unreachable : exit_failure;
}

} // namespace synclog::tools
