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

struct pg_result;  // PGresult, of libpq

namespace synclog::eventstore::pg {

using clock = std::chrono::steady_clock;
using deadline = clock::time_point;

// Where and as whom to connect.
struct connect_options {
  std::string conninfo;           // URI or key=value, as libpq takes it
  std::string role;               // SET ROLE at start; empty = as logged in
  std::string application_name = "synclog";
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds statement_timeout{30'000};  // server side; 0 = none
};

// A named statement, prepared once a connection on first use. Instances have static storage or live in a cache that
// outlives every request that uses them (shared_ptr in `query`).
struct statement {
  std::string name;  // unique per text within the process
  std::string sql;
};

inline constexpr std::uint32_t oid_int8 = 20, oid_text = 25, oid_bytea = 17, oid_json = 114, oid_uuid = 2950,
                               oid_timestamptz = 1184, oid_text_array = 1009, oid_int8_array = 1016,
                               oid_bytea_array = 1001, oid_json_array = 199, oid_timestamptz_array = 1185;

// Bound values of one query. Numbers, bytea and arrays travel in binary; text as text.
// Statements spell the types they expect ($1::bigint, $2::text[]), so the parameter OIDs stay 0 at prepare time.
class params {
 public:
  params& null();
  params& text(std::string_view value);            // any type whose text form this is
  params& int8(std::int64_t value);
  params& bytea(std::string_view bytes);
  params& timestamptz(std::int64_t micros_since_1970);
  // Binary arrays. `nullable` variants: nullopt = SQL NULL.
  params& text_array(std::span<const std::string_view> values, std::uint32_t element_oid = oid_text);  // oid_json for json[]
  params& nullable_text_array(std::span<const std::optional<std::string_view>> values, std::uint32_t element_oid = oid_text);
  params& int8_array(std::span<const std::int64_t> values);
  params& bytea_array(std::span<const std::string_view> values);
  params& timestamptz_array(std::span<const std::int64_t> micros_since_1970);

  std::size_t size() const { return lengths_.size(); }
  std::size_t bytes() const { return buffer_.size(); }

 private:
  friend class connection;
  std::string buffer_;
  std::vector<std::int64_t> offsets_;  // -1 = NULL
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::size_t begin_value(int format);
  void end_value(std::size_t index);
};

enum class result_format : std::uint8_t { text, binary };

struct query {
  std::shared_ptr<const statement> prepared;  // null: `sql` is sent unprepared (rare: SET, LISTEN, DDL in one statement)
  std::string sql;
  params values;
  result_format format = result_format::text;
};

class segment {
 public:
  segment& add(std::shared_ptr<const statement> prepared, params values = {}, result_format format = result_format::text);
  segment& add_sql(std::string sql, params values = {});
  const std::vector<query>& queries() const { return queries_; }
  std::vector<query>& queries() { return queries_; }
  std::size_t size() const { return queries_.size(); }

 private:
  std::vector<query> queries_;
};

// The rows of one finished query. Owns its PGresult; views into it live as long.
class rows {
 public:
  rows() = default;
  explicit rows(pg_result* owned);
  rows(rows&&) noexcept;
  rows& operator=(rows&&) noexcept;
  ~rows();

  int size() const;
  int columns() const;
  bool is_null(int row, int column) const;
  std::string_view text(int row, int column) const;       // raw bytes: the text, or the binary form
  std::int64_t int8(int row, int column) const;           // text or binary int2/int4/int8
  bool boolean(int row, int column) const;
  std::string bytea(int row, int column) const;           // decoded in either format
  std::int64_t timestamptz(int row, int column) const;    // micros since 1970; binary format only
  std::string_view command_tag() const;                   // "INSERT 0 3", "COMMIT", "ROLLBACK"
  std::int64_t affected() const;

 private:
  pg_result* result_ = nullptr;
};

// What the server said no to. The connection stays usable.
struct failure {
  std::size_t query_index = 0;
  std::string sqlstate;    // five characters
  std::string message;     // primary message; for logs, never for API bodies
  std::string constraint;  // name, when there is one
  std::string table;
  std::string detail;
};

struct segment_result {
  std::vector<rows> results;        // one per query, up to the failing one
  std::optional<failure> failed;
  bool ok() const { return !failed; }
};

// The database cannot be used. Thrown; caught at the session boundary (503) or by the committer (resolve the outcome).
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

}  // namespace synclog::eventstore::pg
