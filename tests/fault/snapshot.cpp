// See snapshot.hpp.
#include "fault/snapshot.hpp"
#include <libpq-fe.h>
#include <stdexcept>

namespace synclog::tests::fault {

struct open_snapshot::impl {
  std::unique_ptr<PGconn, decltype(&PQfinish)> session{nullptr, &PQfinish};
  std::string count;

  std::string value_of(const char* sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(session.get(), sql), &PQclear);
    const auto status = PQresultStatus(answer.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      throw std::runtime_error(std::string("snapshot: ") + PQerrorMessage(session.get()));
    }
    return PQntuples(answer.get()) == 1 ? PQgetvalue(answer.get(), 0, 0) : "";
  }
};

namespace {
constexpr const char* count_events = "SELECT count(*) FROM synclog.events";
}

open_snapshot::open_snapshot(const std::string& conninfo) : impl_(std::make_unique<impl>()) {
  impl_->session.reset(PQconnectdb(conninfo.c_str()));
  impl_->value_of("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
  impl_->count = impl_->value_of(count_events);
}

open_snapshot::~open_snapshot() = default;

bool open_snapshot::still_holds() {
  try {
    return impl_->value_of(count_events) == impl_->count;
  } catch (const std::runtime_error&) {
    return false;
  }
}

} // namespace synclog::tests::fault
