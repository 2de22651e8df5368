// See copy_row.hpp. The format: "Binary Format" in PostgreSQL's manual of COPY.
#include "eventstore/pg/copy_row.hpp"

#include "eventstore/pg/binary.hpp"
#include "eventstore/pg/types.hpp"
#include <stdexcept>

namespace synclog::eventstore::pg {

namespace {

constexpr std::string_view signature("PGCOPY\n\377\r\n\0", 11);

[[noreturn]] void malformed() {
  throw connection_lost("the database sent a COPY that is not in the binary format");
}

// Big-endian integers off the front of a text.
class input {
 public:
  explicit input(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (const char byte : take(bytes)) {
      value = value << 8 | static_cast<unsigned char>(byte);
    }
    return value;
  }
  std::string_view take(std::size_t bytes) {
    if (rest_.size() < bytes) {
      malformed();
    }
    const auto taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

} // namespace

bool copy_row::take(std::string_view message) {
  input from(message);
  if (!header_seen_) {
    if (from.take(signature.size()) != signature) {
      malformed();
    }
    from.number(4); // flags
    from.take(from.number(4));
    header_seen_ = true;
  }
  constexpr int trailer = -1;
  const int columns = static_cast<std::int16_t>(from.number(2));
  if (columns == trailer) {
    return false;
  }
  if (columns < 0 || columns > most_columns) {
    malformed();
  }
  columns_ = columns;
  for (int column = 0; column < columns; ++column) {
    const auto size = static_cast<std::int32_t>(from.number(4));
    auto& found = cells_[static_cast<std::size_t>(column)];
    found = {};
    if (size >= 0) {
      const auto bytes = from.take(static_cast<std::size_t>(size));
      found = {bytes.data(), bytes.size()};
    }
  }
  if (!from.empty()) {
    malformed();
  }
  return true;
}

const copy_row::cell& copy_row::at(int column) const {
  if (column < 0 || column >= columns_) {
    throw std::logic_error("the COPY has no such column");
  }
  return cells_[static_cast<std::size_t>(column)];
}

bool copy_row::is_null(int column) const {
  return at(column).data == nullptr;
}

std::string_view copy_row::bytes(int column) const {
  const auto& found = at(column);
  if (found.data == nullptr) {
    throw std::logic_error("NULL in a COPY where a value is expected");
  }
  return {found.data, found.size};
}

std::int64_t copy_row::int8(int column) const {
  const auto value = bytes(column);
  if (value.size() != sizeof(std::int64_t)) {
    throw std::logic_error("a column of a COPY is no bigint");
  }
  return static_cast<std::int64_t>(input(value).number(value.size()));
}

std::int64_t copy_row::timestamptz(int column) const {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(int8(column)) +
                                   static_cast<std::uint64_t>(epoch_shift_micros));
}

} // namespace synclog::eventstore::pg
