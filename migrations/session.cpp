// The runner's libpq calls, and how their failures become problems. Used by one thread.
#include "migrations/session.hpp"
#include <algorithm>
#include <array>
#include <cstring>

namespace synclog::migrations {

namespace {

std::string trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

std::string field(const PGresult* answer, int code) {
  const char* text = PQresultErrorField(answer, code);
  return text == nullptr ? std::string() : std::string(text);
}

core::problem_code code_of(std::string_view sqlstate) {
  if (sqlstate.starts_with("08") || sqlstate.starts_with("57P") || sqlstate.starts_with("53")) {
    return core::problem_code::database_unavailable;
  }
  if (sqlstate == "55P03" || sqlstate == "40P01" || sqlstate == "57014") {
    return core::problem_code::overloaded;
  }
  if (sqlstate == "42501") {
    return core::problem_code::forbidden;
  }
  return core::problem_code::internal;
}

void ignore_notice(void*, const PGresult*) {}

} // namespace

core::result<session> session::open(const std::string& conninfo, std::chrono::seconds connect_timeout) {
  const std::string timeout = std::to_string(std::max<std::int64_t>(connect_timeout.count(), 2));
  // In libpq a later keyword wins, and dbname is expanded in its place: first our defaults, then the
  // caller's words, then what must be so.
  const std::array<const char*, 6> names{"connect_timeout", "tcp_user_timeout", "fallback_application_name",
                                         "dbname",          "client_encoding",  nullptr};
  const std::array<const char*, 6> values{timeout.c_str(),  "30000", "synclog migrate",
                                          conninfo.c_str(), "UTF8",  nullptr};
  session opened(PQconnectdbParams(names.data(), values.data(), 1));
  PGconn* raw = opened.connection_.get();
  if (raw == nullptr || PQstatus(raw) != CONNECTION_OK) {
    return core::make_problem(core::problem_code::database_unavailable,
                              "cannot reach the database: " +
                                  trimmed(raw == nullptr ? "out of memory" : PQerrorMessage(raw)));
  }
  PQsetNoticeReceiver(raw, &ignore_notice, nullptr);
  // The owner's rights are in this session, and the service role may put functions into schema public.
  if (const auto closed = opened.script("SET search_path = pg_catalog"); !closed) {
    return closed.error();
  }
  return opened;
}

core::result<table> session::query(const char* sql, std::initializer_list<std::string_view> parameters) {
  const std::vector<std::string> owned(parameters.begin(), parameters.end());
  std::vector<const char*> values;
  for (const std::string& text : owned) {
    values.push_back(text.c_str());
  }
  return finish(PQexecParams(connection_.get(), sql, static_cast<int>(values.size()), nullptr, values.data(),
                             nullptr, nullptr, 0));
}

core::result<table> session::script(const std::string& sql) {
  return finish(PQexec(connection_.get(), sql.c_str()));
}

core::result<table> session::finish(PGresult* answer) {
  const ExecStatusType status = PQresultStatus(answer);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
    return table(answer);
  }
  if (PQstatus(connection_.get()) != CONNECTION_OK || answer == nullptr) {
    PQclear(answer);
    return core::make_problem(core::problem_code::database_unavailable,
                              "the connection to the database broke: " +
                                  trimmed(PQerrorMessage(connection_.get())));
  }
  const std::string sqlstate = field(answer, PG_DIAG_SQLSTATE);
  std::string words = field(answer, PG_DIAG_MESSAGE_PRIMARY);
  for (const int part : {PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT}) {
    if (const std::string more = field(answer, part); !more.empty()) {
      words += ". " + more;
    }
  }
  words += " (SQLSTATE " + sqlstate + ")";
  PQclear(answer);
  return core::make_problem(code_of(sqlstate), std::move(words));
}

std::string session::where() const {
  const char* host = PQhost(connection_.get());
  return "database " + std::string(PQdb(connection_.get())) + " at " +
         (host == nullptr || *host == '\0' ? "the local socket" : host);
}

} // namespace synclog::migrations
