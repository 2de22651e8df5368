// Reads delimited text as branches export it, and writes it. A row that is broken is reported by itself and never
// costs its neighbours.
#pragma once
#include "core/entity.hpp"
#include "core/field_texts.hpp"
#include "core/problem.hpp"
#include "core/validate.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::core::csv {

// What was found in the file.
struct dialect {
  char delimiter = ',';
  std::string encoding = "utf-8";  // utf-8, utf-16le, utf-16be, windows-1252
  bool own_export = false;         // header is one that export_header() writes: leading ' before = + - @ is taken away
};

struct row {
  std::uint64_t line = 0;  // physical line where it starts, from 1
  std::optional<problem> defect;  // the row cannot be read: wrong number of fields, open quote …
  std::uint64_t defect_column = 0;  // 1-based column (field) of the defect, 0 = the row
  std::vector<std::string> cells;
};

// Reads a whole file held in memory, row by row. Detects encoding (BOM, UTF-16 by its zero bytes, else UTF-8, else
// windows-1252), delimiter (, ; tab |), CRLF, RFC 4180 quoting; a quote inside an unquoted field is a character.
// A physical line whose number of fields differs from the header's is rejected by itself; blank lines are skipped.
class reader {
 public:
  // malformed: no text (NUL bytes, control characters), or no header.
  static result<reader> open(std::string_view bytes);
  const std::vector<std::string>& header() const { return header_; }
  const csv::dialect& dialect() const { return dialect_; }
  bool next(row& out);  // false at the end

 private:
  std::string text_;  // UTF-8, BOM removed
  std::size_t offset_ = 0;
  std::uint64_t line_ = 1;
  csv::dialect dialect_;
  std::vector<std::string> header_;
};

// Which field each column feeds, decided once per file.
class column_plan {
 public:
  // Headers match fields and aliases case-insensitively, never bookkeeping names (they are ignored, except id); where
  // x-csv's key column is present only its map applies; every other column goes to the rest object under its own name.
  // `overrides` ("DRN" -> "distributor_code") come from ?map=. Problem bad_request names what is wrong.
  static result<column_plan> make(const entity& definition, const std::vector<std::string>& header,
                                  const std::vector<std::pair<std::string, std::string>>& overrides, const dialect& found);
  // errors' pointers are "/field"; `column` numbers travel in problem.place.
  result<input_record> to_record(const row& source) const;

 private:
  enum class target : std::uint8_t { field, id, rest, ignored };
  struct column {
    target to = target::ignored;
    std::size_t field_index = 0;
    std::string header;
  };
  const entity* definition_ = nullptr;
  std::vector<column> columns_;
  bool own_export_ = false;
};

// "id" and the fields, comma separated, CRLF.
void append_export_header(std::string& out, const entity& definition);
// One record; text cells that start with = + - @ (or with ' before one of these) get a leading '. Numbers do not.
void append_export_row(std::string& out, const entity& definition, std::string_view doc);

}  // namespace synclog::core::csv
