// A blocking libpq connection for work beside or before serving: preparing, rebuilding and proving read
// tables. One thread at a time.
#pragma once
#include "eventstore/pg/types.hpp"
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct pg_conn;   // PGconn, of libpq
struct pg_cancel; // PGcancel

namespace synclog::eventstore::pg {

class plain_connection {
 public:
  // UTC and ISO dates, whatever the server's defaults. `role` empty = as logged in. Throws unavailable.
  plain_connection(const std::string& conninfo, const std::string& role, const std::string& application_name);

  // One statement; parameters and results as text. Throws query_failed, or unavailable when the
  // connection broke.
  rows run(const std::string& sql, std::span<const std::optional<std::string>> values = {});
  rows run(const std::string& sql, std::initializer_list<std::optional<std::string>> values) {
    return run(sql, std::span(values.begin(), values.size()));
  }
  // The same with values in any form, and results in either.
  rows run(const std::string& sql, const params& values, result_format format);
  // `statement` is a COPY … TO STDOUT; each message of it, a row each, goes to `take` as long as the call
  // lasts. Throws as run() does, also when rows have come before. What `take` throws leaves a connection
  // that is of no more use.
  void copy_out(const std::string& statement, const std::function<void(std::string_view)>& take);
  // The same for a query of binary parameters, in the result format that it asks for; it is not prepared.
  rows run(const query& one);
  // `statement` is a COPY … FROM STDIN, `bytes` its whole input.
  void copy_in(const std::string& statement, std::string_view bytes);
  // Rolls back, for destructors and handlers: never throws.
  void abandon_transaction() noexcept;
  // Asks the server to end the running statement, which then fails (57014). From any thread, while the
  // connection lives; nothing happens when none runs. Blocks as long as a connect.
  void interrupt() noexcept;

 private:
  struct closer {
    void operator()(pg_conn* connection) const noexcept;
  };
  rows checked(struct pg_result* result);
  std::unique_ptr<pg_conn, closer> connection_;
  struct cancel_freer {
    void operator()(pg_cancel* cancel) const noexcept;
  };
  std::unique_ptr<pg_cancel, cancel_freer> cancel_; // made once: libpq allows its use from other threads
};

} // namespace synclog::eventstore::pg
