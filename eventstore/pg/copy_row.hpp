// Takes apart what COPY … TO STDOUT (FORMAT binary) sends: a message a row, the first behind a header, a last
// one that holds none. Views into the message, nothing is copied. One thread.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace synclog::eventstore::pg {

class copy_row {
 public:
  static constexpr int most_columns = 32;

  // Before the first message of each COPY.
  void restart() { header_seen_ = false; }
  // False when the message holds no row. Throws connection_lost when it is not what the format allows.
  bool take(std::string_view message);

  // Of the row taken last, while its message lives; a column that is not there, or is NULL where a value is
  // asked for, or of another size, throws std::logic_error.
  int columns() const { return columns_; }
  bool is_null(int column) const;
  std::string_view bytes(int column) const;
  std::int64_t int8(int column) const;
  // Micros since 1970. The infinite ones become whatever their bits say.
  std::int64_t timestamptz(int column) const;

 private:
  struct cell {
    const char* data = nullptr; // null: NULL
    std::size_t size = 0;
  };
  const cell& at(int column) const;

  std::array<cell, most_columns> cells_{};
  int columns_ = 0;
  bool header_seen_ = false;
};

} // namespace synclog::eventstore::pg
