// libpq's blocking calls, with failures as the exceptions of eventstore/pg.
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/pg/durable_commits.hpp"
#include <algorithm>
#include <libpq-fe.h>
#include <vector>

namespace synclog::eventstore::pg {

namespace {

// A COPY's input is handed to libpq in pieces of this size.
constexpr std::size_t copy_piece_bytes = 1u << 20;

std::string field_of(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text ? text : "";
}

failure failure_of(const PGresult* result) {
  failure what;
  what.sqlstate = field_of(result, PG_DIAG_SQLSTATE);
  what.message = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
  what.constraint = field_of(result, PG_DIAG_CONSTRAINT_NAME);
  what.table = field_of(result, PG_DIAG_TABLE_NAME);
  what.detail = field_of(result, PG_DIAG_MESSAGE_DETAIL);
  return what;
}

} // namespace

void plain_connection::closer::operator()(pg_conn* connection) const noexcept {
  PQfinish(connection);
}

void plain_connection::cancel_freer::operator()(pg_cancel* cancel) const noexcept {
  PQfreeCancel(cancel);
}

plain_connection::plain_connection(const std::string& conninfo, const std::string& role,
                                   const std::string& application_name) {
  // A dead peer is noticed within half a minute, unless the conninfo, which comes behind, says otherwise.
  const char* const keys[] = {"keepalives_idle",           "keepalives_interval", "keepalives_count",
                              "tcp_user_timeout",          "connect_timeout",     "dbname",
                              "fallback_application_name", "client_encoding",     nullptr};
  const char* const values[] = {
      "15", "5", "3", "20000", "20", conninfo.c_str(), application_name.c_str(), "UTF8", nullptr};
  connection_.reset(PQconnectdbParams(keys, values, 1)); // 1: dbname may hold a whole conninfo
  if (!connection_) throw unavailable("out of memory for a database connection");
  if (PQstatus(connection_.get()) != CONNECTION_OK) throw unavailable(PQerrorMessage(connection_.get()));
  cancel_.reset(PQgetCancel(connection_.get()));
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
  run("SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO, YMD', false), "
      "set_config('standard_conforming_strings', 'on', false), " +
      std::string(durable_commits));
  if (!role.empty()) run("SELECT set_config('role', $1, false)", {role});
}

rows plain_connection::checked(pg_result* result) {
  rows owned(result);
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_COPY_IN ||
      status == PGRES_COPY_OUT)
    return owned;
  if (PQstatus(connection_.get()) != CONNECTION_OK || !PQresultErrorField(result, PG_DIAG_SQLSTATE))
    throw connection_lost(PQerrorMessage(connection_.get()));
  throw query_failed(failure_of(result));
}

rows plain_connection::run(const std::string& sql, std::span<const std::optional<std::string>> values) {
  std::vector<const char*> texts;
  texts.reserve(values.size());
  for (const auto& value : values)
    texts.push_back(value ? value->c_str() : nullptr);
  return checked(PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(texts.size()), nullptr,
                              texts.data(), nullptr, nullptr, 0));
}

rows plain_connection::run(const std::string& sql, const params& values, result_format format) {
  std::vector<const char*> pointers;
  pointers.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    pointers.push_back(values.value(i));
  return checked(PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(pointers.size()), nullptr,
                              pointers.data(), values.lengths(), values.formats(),
                              format == result_format::binary ? 1 : 0));
}

void plain_connection::copy_out(const std::string& statement,
                                const std::function<void(std::string_view)>& take) {
  checked(PQexec(connection_.get(), statement.c_str()));
  constexpr int finished = -1; // the result says how
  char* message = nullptr;
  int bytes = 0;
  while ((bytes = PQgetCopyData(connection_.get(), &message, 0)) > 0) {
    const std::unique_ptr<char, decltype(&PQfreemem)> owned(message, &PQfreemem);
    take({message, static_cast<std::size_t>(bytes)});
  }
  if (bytes != finished) throw connection_lost(PQerrorMessage(connection_.get()));
  const rows ended(checked(PQgetResult(connection_.get())));
  while (PGresult* rest = PQgetResult(connection_.get()))
    PQclear(rest);
}

rows plain_connection::run(const query& one) {
  return run(one.prepared ? one.prepared->sql : one.sql, one.values, one.format);
}

void plain_connection::copy_in(const std::string& statement, std::string_view bytes) {
  checked(PQexec(connection_.get(), statement.c_str()));
  for (std::size_t from = 0; from < bytes.size(); from += copy_piece_bytes) {
    const std::string_view piece = bytes.substr(from, copy_piece_bytes);
    if (PQputCopyData(connection_.get(), piece.data(), static_cast<int>(piece.size())) != 1)
      throw connection_lost(PQerrorMessage(connection_.get()));
  }
  if (PQputCopyEnd(connection_.get(), nullptr) != 1) throw connection_lost(PQerrorMessage(connection_.get()));
  checked(PQgetResult(connection_.get()));
  while (PGresult* rest = PQgetResult(connection_.get()))
    PQclear(rest);
}

void plain_connection::abandon_transaction() noexcept {
  if (connection_) PQclear(PQexec(connection_.get(), "ROLLBACK"));
}

void plain_connection::interrupt() noexcept {
  char words[256];
  if (cancel_) PQcancel(cancel_.get(), words, sizeof words);
}

} // namespace synclog::eventstore::pg
