// Parameters to libpq's arrays and back: the binary formats of bigint, timestamptz, bytea and one-dimensional
// arrays.
#include "eventstore/pg/types.hpp"
#include "eventstore/pg/binary.hpp"
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <libpq-fe.h>
#include <limits>
#include <utility>

namespace synclog::eventstore::pg {

namespace {

constexpr int text_format = 0;
constexpr int binary_format = 1;

template <class Integer>
std::int64_t read(std::string_view bytes) {
  Integer wire{};
  std::memcpy(&wire, bytes.data(), sizeof wire);
  return big_endian(wire);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  throw std::logic_error("bytea text is not in hex format");
}

[[noreturn]] void wrong_type(const char* wanted) {
  throw std::logic_error(std::string("the column is not ") + wanted);
}

} // namespace

void params::begin_value(int format) {
  offsets_.push_back(static_cast<std::int64_t>(buffer_.size()));
  lengths_.push_back(0);
  formats_.push_back(format);
}

void params::end_value() {
  const auto length = buffer_.size() - static_cast<std::size_t>(offsets_.back());
  if (length > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw std::length_error("parameter over 2 GiB");
  lengths_.back() = static_cast<int>(length);
}

params& params::null() {
  offsets_.push_back(-1);
  lengths_.push_back(0);
  formats_.push_back(text_format);
  return *this;
}

params& params::text(std::string_view value) {
  if (value.find('\0') != std::string_view::npos)
    throw std::invalid_argument("a text parameter holds a NUL byte");
  begin_value(text_format);
  buffer_.append(value);
  end_value();
  buffer_.push_back('\0'); // libpq takes the length of text from here
  return *this;
}

params& params::int8(std::int64_t value) {
  begin_value(binary_format);
  append_big_endian(buffer_, value);
  end_value();
  return *this;
}

params& params::bytea(std::string_view bytes) {
  begin_value(binary_format);
  buffer_.append(bytes);
  end_value();
  return *this;
}

params& params::binary(std::string bytes) {
  begin_value(binary_format);
  if (buffer_.empty())
    buffer_ = std::move(bytes);
  else
    buffer_.append(bytes);
  end_value();
  return *this;
}

params& params::timestamptz(std::int64_t micros_since_1970) {
  return int8(micros_since_1970 - epoch_shift_micros);
}

// Dimensions, has-null flag, element type, then size and lower bound of the one dimension; an empty array has
// none.
void params::begin_array(std::size_t count, std::uint32_t element_oid) {
  if (count > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw std::length_error("array too long");
  begin_value(binary_format);
  append_big_endian<std::int32_t>(buffer_, count == 0 ? 0 : 1);
  append_big_endian<std::int32_t>(buffer_, 0); // no NULLs
  append_big_endian<std::uint32_t>(buffer_, element_oid);
  if (count == 0) return;
  append_big_endian<std::int32_t>(buffer_, static_cast<std::int32_t>(count));
  append_big_endian<std::int32_t>(buffer_, 1);
}

params& params::text_array(std::span<const std::string_view> values, std::uint32_t element_oid) {
  begin_array(values.size(), element_oid);
  for (const std::string_view value : values) {
    append_big_endian<std::int32_t>(buffer_, static_cast<std::int32_t>(value.size()));
    buffer_.append(value);
  }
  end_value();
  return *this;
}

params& params::int8_array(std::span<const std::int64_t> values) {
  begin_array(values.size(), oid_int8);
  for (const std::int64_t value : values) {
    append_big_endian<std::int32_t>(buffer_, sizeof value);
    append_big_endian(buffer_, value);
  }
  end_value();
  return *this;
}

params& params::bytea_array(std::span<const std::string_view> values) {
  return text_array(values, oid_bytea);
}

params& params::timestamptz_array(std::span<const std::int64_t> micros_since_1970) {
  begin_array(micros_since_1970.size(), oid_timestamptz);
  for (const std::int64_t value : micros_since_1970) {
    append_big_endian<std::int32_t>(buffer_, sizeof value);
    append_big_endian(buffer_, value - epoch_shift_micros);
  }
  end_value();
  return *this;
}

transaction_effect effect_of(std::string_view sql) {
  for (;;) {
    const auto start = sql.find_first_not_of(" \t\r\n\f;");
    if (start == std::string_view::npos) return transaction_effect::none;
    sql.remove_prefix(start);
    const bool line = sql.starts_with("--");
    if (!line && !sql.starts_with("/*")) break;
    const auto end = line ? sql.find('\n') : sql.find("*/");
    if (end == std::string_view::npos) return transaction_effect::none;
    sql.remove_prefix(end + (line ? 1 : 2));
  }
  std::array<char, 10> word{};
  std::size_t length = 0;
  while (length < sql.size() && length < word.size() &&
         std::isalpha(static_cast<unsigned char>(sql[length])) != 0) {
    word[length] = static_cast<char>(std::toupper(static_cast<unsigned char>(sql[length])));
    ++length;
  }
  const std::string_view first(word.data(), length);
  if (first == "BEGIN" || first == "START") return transaction_effect::opens;
  if (first == "COMMIT" || first == "END" || first == "ABORT") return transaction_effect::closes;
  if (first == "SAVEPOINT" || first == "RELEASE") return transaction_effect::inside;
  if (first == "ROLLBACK") {
    // ROLLBACK [WORK | TRANSACTION] TO [SAVEPOINT] name stays inside.
    std::string rest(sql.substr(length, 64));
    std::transform(rest.begin(), rest.end(), rest.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return rest.find(" TO ") == std::string::npos ? transaction_effect::closes : transaction_effect::inside;
  }
  return transaction_effect::none;
}

segment& segment::add(std::shared_ptr<const statement> prepared, params values, result_format format) {
  if (!prepared) throw std::invalid_argument("segment::add without a statement");
  if (effect_of(prepared->sql) != transaction_effect::none) explicit_transaction_ = true;
  queries_.push_back(query{std::move(prepared), {}, std::move(values), format});
  return *this;
}

segment& segment::add_sql(std::string sql, params values) {
  if (effect_of(sql) != transaction_effect::none) explicit_transaction_ = true;
  queries_.push_back(query{nullptr, std::move(sql), std::move(values), result_format::text});
  return *this;
}

segment& segment::mark_explicit_transaction() {
  explicit_transaction_ = true;
  return *this;
}

rows::rows(pg_result* owned) : result_(owned) {}
rows::rows(rows&& other) noexcept : result_(std::exchange(other.result_, nullptr)) {}
rows& rows::operator=(rows&& other) noexcept {
  if (this != &other) {
    PQclear(result_);
    result_ = std::exchange(other.result_, nullptr);
  }
  return *this;
}
rows::~rows() {
  PQclear(result_);
}

int rows::size() const {
  return PQntuples(result_);
}
int rows::columns() const {
  return PQnfields(result_);
}

bool rows::is_null(int row, int column) const {
  if (row < 0 || row >= size() || column < 0 || column >= columns())
    throw std::out_of_range("no such row or column");
  return PQgetisnull(result_, row, column) != 0;
}

std::string_view rows::text(int row, int column) const {
  if (is_null(row, column)) throw std::logic_error("the value is NULL");
  return {PQgetvalue(result_, row, column), static_cast<std::size_t>(PQgetlength(result_, row, column))};
}

std::int64_t rows::int8(int row, int column) const {
  const std::string_view bytes = text(row, column);
  if (PQfformat(result_, column) == binary_format) {
    switch (bytes.size()) {
    case 2:
      return read<std::int16_t>(bytes);
    case 4:
      return read<std::int32_t>(bytes);
    case 8:
      return read<std::int64_t>(bytes);
    default:
      wrong_type("an integer");
    }
  }
  std::int64_t value = 0;
  const auto parsed = std::from_chars(bytes.data(), bytes.data() + bytes.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != bytes.data() + bytes.size()) wrong_type("an integer");
  return value;
}

bool rows::boolean(int row, int column) const {
  const std::string_view bytes = text(row, column);
  if (bytes.size() != 1) wrong_type("a boolean");
  if (PQfformat(result_, column) == binary_format) return bytes[0] != '\0';
  if (bytes[0] != 't' && bytes[0] != 'f') wrong_type("a boolean");
  return bytes[0] == 't';
}

std::string rows::bytea(int row, int column) const {
  const std::string_view bytes = text(row, column);
  if (PQfformat(result_, column) == binary_format) return std::string(bytes);
  if (!bytes.starts_with("\\x") || bytes.size() % 2 != 0) wrong_type("bytea in hex format");
  std::string out(bytes.size() / 2 - 1, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<char>(hex_digit(bytes[2 * i + 2]) << 4 | hex_digit(bytes[2 * i + 3]));
  }
  return out;
}

std::int64_t rows::timestamptz(int row, int column) const {
  const std::string_view bytes = text(row, column);
  if (PQfformat(result_, column) != binary_format || bytes.size() != 8) wrong_type("a binary timestamptz");
  const std::int64_t micros = read<std::int64_t>(bytes);
  if (micros == std::numeric_limits<std::int64_t>::max() ||
      micros == std::numeric_limits<std::int64_t>::min()) {
    throw std::logic_error("the time is infinite");
  }
  return micros + epoch_shift_micros;
}

std::string_view rows::command_tag() const {
  if (result_ == nullptr) return {};
  return PQcmdStatus(result_);
}

std::int64_t rows::affected() const {
  if (result_ == nullptr) return 0;
  const std::string_view digits = PQcmdTuples(result_);
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

query_failed::query_failed(failure what)
    : std::runtime_error("query failed: " + what.sqlstate + " " + what.message), info_(std::move(what)) {}

} // namespace synclog::eventstore::pg
