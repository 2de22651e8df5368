// See run_sql.hpp.
#include "bench/run_sql.hpp"
#include <libpq-fe.h>
#include <memory>
#include <stdexcept>

namespace synclog::tests::bench {

std::string run_sql(const std::string& conninfo, const std::string& statements) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(PQconnectdb(conninfo.c_str()), &PQfinish);
  if (PQstatus(session.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(session.get()));
  const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(session.get(), statements.c_str()),
                                                             &PQclear);
  const auto status = PQresultStatus(answer.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    throw std::runtime_error(PQerrorMessage(session.get()));
  return PQntuples(answer.get()) > 0 ? PQgetvalue(answer.get(), 0, 0) : "";
}

} // namespace synclog::tests::bench
