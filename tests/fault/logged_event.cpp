// See logged_event.hpp. Page by page, like everything that reads the log.
#include "fault/logged_event.hpp"
#include <cstdlib>
#include <libpq-fe.h>
#include <memory>
#include <stdexcept>

namespace synclog::tests::fault {

namespace {

constexpr int page_rows = 20'000;
constexpr const char* read_page = R"(
  SELECT position, entity, record_id, version, action, coalesce(meta->>'idempotency_key', ''),
         position || '-' || encode(substr(hash, 1, 4), 'hex'),
         strpos(data::text, coalesce(meta->>'idempotency_key', '-')) > 0
  FROM synclog.events WHERE position > $1::bigint ORDER BY position LIMIT $2::bigint)";

logged_event event_of(const PGresult* page, int row) {
  const auto text = [page, row](int column) { return PQgetvalue(page, row, column); };
  logged_event made;
  made.position = std::strtoll(text(0), nullptr, 10);
  made.entity = text(1);
  made.record_id = text(2);
  made.version = std::strtoll(text(3), nullptr, 10);
  made.action = text(4);
  made.key = text(5);
  made.cursor = text(6);
  made.has_mark = text(7)[0] == 't';
  return made;
}

} // namespace

std::vector<logged_event> read_log(const std::string& conninfo) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(PQconnectdb(conninfo.c_str()), &PQfinish);
  if (PQstatus(session.get()) != CONNECTION_OK) {
    throw std::runtime_error(std::string("reading the log: ") + PQerrorMessage(session.get()));
  }
  std::vector<logged_event> log;
  const std::string limit = std::to_string(page_rows);
  for (;;) {
    const std::string after = std::to_string(log.empty() ? 0 : log.back().position);
    const char* values[] = {after.c_str(), limit.c_str()};
    const std::unique_ptr<PGresult, decltype(&PQclear)> page(
        PQexecParams(session.get(), read_page, 2, nullptr, values, nullptr, nullptr, 0), &PQclear);
    if (PQresultStatus(page.get()) != PGRES_TUPLES_OK) {
      throw std::runtime_error(std::string("reading the log: ") + PQerrorMessage(session.get()));
    }
    const int rows = PQntuples(page.get());
    for (int row = 0; row < rows; ++row)
      log.push_back(event_of(page.get(), row));
    if (rows < page_rows) return log;
  }
}

} // namespace synclog::tests::fault
