// The vocabulary of the async libpq wrapper: statements, parameters, segments, results and failures.
// A segment is what is sent between two pipeline Syncs: its queries stand or fall together.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct pg_result; // PGresult, of libpq

namespace synclog::eventstore::pg {

using clock = std::chrono::steady_clock;
using deadline = clock::time_point;

// Where and as whom to connect.
struct connect_options {
  std::string conninfo; // URI or key=value, as libpq takes it
  std::string role;     // SET ROLE at start; empty = as logged in
  std::string application_name = "synclog";
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds statement_timeout{30'000}; // server side; 0 = none
  bool read_only = false;                              // the server refuses whatever would change something
};

// A named statement, prepared once a connection on first use. Instances have static storage or live in a
// cache that outlives every request that uses them (shared_ptr in `query`).
struct statement {
  std::string name; // unique per text within the process
  std::string sql;
};

inline constexpr std::uint32_t oid_int8 = 20, oid_text = 25, oid_bytea = 17, oid_json = 114, oid_uuid = 2950,
                               oid_timestamptz = 1184, oid_text_array = 1009, oid_int8_array = 1016,
                               oid_bytea_array = 1001, oid_json_array = 199, oid_timestamptz_array = 1185;

// Bound values of one query. Numbers, bytea and arrays travel in binary; text as text.
// Statements spell the types they expect ($1::bigint, $2::text[]), so the parameter OIDs stay 0 at prepare
// time.
class params {
 public:
  params& null();
  // Any type whose text form this is. A NUL byte, which PostgreSQL cannot hold and libpq would cut at:
  // std::invalid_argument.
  params& text(std::string_view value);
  params& int8(std::int64_t value);
  params& bytea(std::string_view bytes);
  params& binary(std::string bytes); // any type in its binary form; see row_array.hpp
  params& timestamptz(std::int64_t micros_since_1970);
  // Binary arrays.
  params& text_array(std::span<const std::string_view> values,
                     std::uint32_t element_oid = oid_text); // oid_json for json[]
  params& int8_array(std::span<const std::int64_t> values);
  params& bytea_array(std::span<const std::string_view> values);
  params& timestamptz_array(std::span<const std::int64_t> micros_since_1970);

  std::size_t size() const { return lengths_.size(); }
  std::size_t bytes() const { return buffer_.size(); }

  // As libpq takes them; nullptr = NULL. Valid until the next change.
  const char* value(std::size_t index) const {
    return offsets_[index] < 0 ? nullptr : buffer_.data() + offsets_[index];
  }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  std::string buffer_;
  std::vector<std::int64_t> offsets_; // -1 = NULL
  std::vector<int> lengths_;
  std::vector<int> formats_;
  void begin_value(int format);
  void end_value();
  void begin_array(std::size_t count, std::uint32_t element_oid);
};

enum class result_format : std::uint8_t { text, binary };

struct query {
  std::shared_ptr<const statement>
      prepared; // null: `sql` is sent unprepared (rare: SET, LISTEN, DDL in one statement)
  std::string sql;
  params values;
  result_format format = result_format::text;
};

// Without BEGIN a segment is one implicit transaction, committed at its Sync. One that begins with BEGIN
// keeps its transaction open past its Sync, until COMMIT or ROLLBACK, also when a statement failed.
class segment {
 public:
  segment& add(std::shared_ptr<const statement> prepared, params values = {},
               result_format format = result_format::text);
  segment& add_sql(std::string sql, params values = {});

  // True when a statement was added whose first word controls transactions, or it was said so here (for the
  // middle part of a transaction). Such a segment is never repeated behind the caller's back.
  bool explicit_transaction() const { return explicit_transaction_; }
  segment& mark_explicit_transaction();

  const std::vector<query>& queries() const { return queries_; }
  std::vector<query>& queries() { return queries_; }
  std::size_t size() const { return queries_.size(); }

 private:
  std::vector<query> queries_;
  bool explicit_transaction_ = false;
};

// What the first word of a statement does to the transaction around it. Comments before it are skipped.
enum class transaction_effect : std::uint8_t { none, opens, closes, inside }; // inside: SAVEPOINT, RELEASE, …
transaction_effect effect_of(std::string_view sql);

// The rows of one finished query. Owns its PGresult; views into it live as long.
class rows {
 public:
  rows() = default;
  explicit rows(pg_result* owned);
  rows(rows&&) noexcept;
  rows& operator=(rows&&) noexcept;
  ~rows();

  // A place outside, NULL where a value is asked for, or a type that is another throw std::logic_error.
  int size() const;
  int columns() const;
  bool is_null(int row, int column) const;
  std::string_view text(int row, int column) const; // raw bytes: the text, or the binary form
  std::int64_t int8(int row, int column) const;     // text or binary int2/int4/int8
  bool boolean(int row, int column) const;
  std::string bytea(int row, int column) const;        // decoded in either format
  std::int64_t timestamptz(int row, int column) const; // micros since 1970; binary format only
  std::string_view command_tag() const;                // "INSERT 0 3", "COMMIT", "ROLLBACK"
  std::int64_t affected() const;

 private:
  pg_result* result_ = nullptr;
};

// What the server said no to. The connection stays usable.
struct failure {
  std::size_t query_index =
      0;                  // = number of queries when the commit at the end failed (a deferred constraint)
  std::string sqlstate;   // five characters
  std::string message;    // primary message; for logs, never for API bodies
  std::string constraint; // name, when there is one
  std::string table;
  std::string detail;
};

struct segment_result {
  std::vector<rows> results; // one per query, up to the failing one
  std::optional<failure> failed;
  // WARNINGs that came with it, at most 8. 01000 beside a COMMIT: its wait for a standby was cancelled, so
  // the commit is not known to be replicated.
  std::vector<failure> warnings;
  bool ok() const { return !failed; }
};

// The database cannot be used. Thrown; caught at the session boundary (503) or by the committer (resolve the
// outcome).
class unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
// The connection broke with the request on its way: it may or may not have run.
class connection_lost : public unavailable {
 public:
  using unavailable::unavailable;
};
// The deadline passed. The request may still run.
class deadline_exceeded : public unavailable {
 public:
  using unavailable::unavailable;
};
// A statement failed where no failure was expected (a bug, or a changed schema): carries the failure.
class query_failed : public std::runtime_error {
 public:
  explicit query_failed(failure what);
  const failure& info() const { return info_; }

 private:
  failure info_;
};

} // namespace synclog::eventstore::pg
