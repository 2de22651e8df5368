// See log_database.hpp. The service role logs in here directly, which production does by SET ROLE or by its
// own login.
#include "pg/migrations/log_database.hpp"
#include "core/chain.hpp"
#include "migrations/runner.hpp"
#include <array>
#include <doctest/doctest.h>
#include <libpq-fe.h>
#include <memory>

namespace synclog::tests {

namespace {

using owned_connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using owned_result = std::unique_ptr<PGresult, decltype(&PQclear)>;

owned_connection connect(const std::string& database, const std::string& user) {
  owned_connection opened(PQconnectdb(test_cluster::shared().conninfo(database).c_str()), &PQfinish);
  REQUIRE_MESSAGE(PQstatus(opened.get()) == CONNECTION_OK, PQerrorMessage(opened.get()));
  if (user != "postgres") {
    const owned_result switched(PQexec(opened.get(), ("SET SESSION AUTHORIZATION " + user).c_str()),
                                &PQclear);
    REQUIRE_MESSAGE(PQresultStatus(switched.get()) == PGRES_COMMAND_OK, PQerrorMessage(opened.get()));
  }
  return opened;
}

std::string outcome(const PGresult* answer) {
  const ExecStatusType status = PQresultStatus(answer);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return {};
  const char* sqlstate = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  return sqlstate == nullptr ? "lost" : sqlstate;
}

} // namespace

std::string as_login(const std::string& database, const std::string& user) {
  test_cluster::shared().sql("postgres", "ALTER ROLE " + user + " LOGIN");
  return test_cluster::shared().conninfo(database, user);
}

std::string migrated_database() {
  const std::string name = test_cluster::shared().fresh_database();
  const auto done = migrations::up(test_cluster::shared().conninfo(name));
  REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().detail));
  return name;
}

std::string sqlstate_of(const std::string& database, const std::vector<std::string>& statements,
                        const std::string& user) {
  const owned_connection session = connect(database, user);
  for (const std::string& sql : statements) {
    const owned_result answer(PQexec(session.get(), sql.c_str()), &PQclear);
    if (std::string failed = outcome(answer.get()); !failed.empty()) return failed;
  }
  return {};
}

std::string insert_event(const std::string& database, const core::event& source, const std::string& user) {
  const auto bytes_of = [](const auto& from) {
    return "\\x" + core::to_hex(std::string_view(reinterpret_cast<const char*>(from.data()), from.size()));
  };
  const std::string position = std::to_string(source.position.value),
                    version = std::to_string(source.version), at = core::to_rfc3339(source.recorded_at),
                    action(core::to_string(source.action)), salt = bytes_of(source.salt),
                    hash = bytes_of(source.hash);
  const std::array<const char*, 12> values{position.c_str(),
                                           version.c_str(),
                                           at.c_str(),
                                           action.c_str(),
                                           source.entity.c_str(),
                                           source.record_id.c_str(),
                                           source.branch.empty() ? nullptr : source.branch.c_str(),
                                           source.previous_branch ? source.previous_branch->c_str() : nullptr,
                                           hash.c_str(),
                                           salt.c_str(),
                                           source.meta.c_str(),
                                           source.data.c_str()};
  const owned_connection session = connect(database, user);
  const owned_result answer(
      PQexecParams(
          session.get(),
          R"sql(INSERT INTO synclog.events (position, version, recorded_at, action, entity, record_id,
                                           branch, previous_branch, hash, salt, meta, data)
                                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12))sql",
          static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0),
      &PQclear);
  return outcome(answer.get());
}

} // namespace synclog::tests
