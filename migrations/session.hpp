// One synchronous libpq connection of the migration runner: owns PGconn, speaks in results. Used by one
// thread.
#pragma once
#include "core/problem.hpp"
#include <chrono>
#include <initializer_list>
#include <libpq-fe.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::migrations {

// A result as text; SQL NULL reads as "".
class table {
 public:
  explicit table(PGresult* owned) : result_(owned, &PQclear) {}
  int rows() const { return PQntuples(result_.get()); }
  std::string_view at(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
  }
  std::string_view command_tag() const { return PQcmdStatus(result_.get()); }

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

class session {
 public:
  // `conninfo` as libpq takes it, URI or key=value; what it says wins over our defaults. Names without a
  // schema are PostgreSQL's own.
  static core::result<session> open(const std::string& conninfo, std::chrono::seconds connect_timeout);

  // One statement with text parameters.
  core::result<table> query(const char* sql, std::initializer_list<std::string_view> parameters = {});
  // Any number of statements, without parameters; the last one's result.
  core::result<table> script(const std::string& sql);

  bool in_transaction() const { return PQtransactionStatus(connection_.get()) == PQTRANS_INTRANS; }
  // "database synclog at /run/postgresql", for messages.
  std::string where() const;

 private:
  explicit session(PGconn* owned) : connection_(owned, &PQfinish) {}
  core::result<table> finish(PGresult* answer);

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

} // namespace synclog::migrations
