// Reads delimited text as branches export it, and writes it. A row that is broken is reported by itself and
// never costs its neighbours.
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
  std::string encoding = "utf-8"; // utf-8, utf-16le, utf-16be, windows-1252
  // Every quoted field of the whole file is closed properly and every record has the header's fields: line
  // breaks in quotes are believed. Otherwise a quote may be a stray one, and a line that is complete by
  // itself stands by itself.
  bool strict = false;
};

// Whether line breaks in quotes are believed.
enum class quote_trust : std::uint8_t {
  look,   // as the file itself looks
  proper, // yes: for a part of a file that looks so as a whole
  stray,  // only where they cannot be meant otherwise: for a part of a file that does not
};

struct row {
  std::uint64_t line = 0;          // physical line where it starts, from 1
  std::optional<problem> defect;   // the row cannot be read: wrong number of fields, open quote …
  std::uint64_t defect_column = 0; // 1-based column (field) of the defect, 0 = the row
  std::vector<std::string> cells;
  std::vector<bool> quoted; // one a cell: it stood in quotes (an export writes null as nothing and "" as "")
};

// Reads a whole file held in memory, row by row. Detects encoding (BOM, UTF-16 by its zero bytes, else UTF-8,
// else windows-1252), delimiter (, ; tab |), CRLF, RFC 4180 quoting; a quote inside an unquoted field is a
// character. A physical line whose number of fields differs from the header's is rejected by itself; blank
// lines are skipped.
class reader {
 public:
  // malformed: no text (NUL bytes, control characters), or no header.
  static result<reader> open(std::string_view bytes, quote_trust trust = quote_trust::look);
  const std::vector<std::string>& header() const { return header_; }
  const csv::dialect& dialect() const { return dialect_; }
  bool next(row& out); // false at the end

 private:
  void next_tolerant(row& out);
  bool is_complete_line(std::size_t offset, std::size_t past) const;
  bool has_only_complete_lines(std::size_t offset, std::size_t past) const;
  bool swallows_complete_line(std::size_t offset, std::size_t past) const;
  bool is_strict() const;
  void check_cells(row& out) const;

  std::string text_; // UTF-8, BOM removed
  std::size_t offset_ = 0;
  std::uint64_t line_ = 1;
  csv::dialect dialect_;
  std::vector<std::string> header_;
  bool check_bytes_ = false; // some row has NUL or bytes that are no UTF-8
};

// Which field each column feeds, decided once per file. Where the header is one that append_export_header()
// writes, the file is an export of ours: a leading ' before = + - @ is taken away, and an empty cell is null.
class column_plan {
 public:
  // Headers match fields and aliases case-insensitively (fields first, then from the left; a second column
  // for a field counts as another column), "id" is the record's id, bookkeeping names as we write them are
  // ignored; where x-csv's key column is present only its map applies; every other column goes to the rest
  // object under its own name. `overrides` ("DRN" -> "distributor_code") come from ?map=. Problem bad_request
  // names what is wrong.
  static result<column_plan> make(const entity& definition, const std::vector<std::string>& header,
                                  const std::vector<std::pair<std::string, std::string>>& overrides,
                                  const dialect& found);
  // Errors' pointers are "/field"; the place is the row's line and the first wrong column. Empty cells give
  // no value, except in the rest object, which keeps every column's text as it came.
  result<input_record> to_record(const row& source) const;
  bool own_export() const { return own_export_; }

  enum class target : std::uint8_t { field, id, rest, ignored };
  // Where a column goes, and, for target::field, which.
  target target_of(std::size_t index) const { return columns_[index].to; }
  std::size_t field_of(std::size_t index) const { return columns_[index].field_index; }

 private:
  struct column {
    target to = target::ignored;
    std::size_t field_index = 0;
    std::string rest_key; // quoted name and colon
    bool unnamed = false; // without a header: kept only where it has something
  };
  friend class plan_maker;

  const entity* definition_ = nullptr;
  std::vector<column> columns_;
  bool own_export_ = false;
};

// "id" and the fields, comma separated, CRLF.
void append_export_header(std::string& out, const entity& definition);
// One record; text cells that start with = + - @ (or with ' before one of these) get a leading '. Numbers do
// not.
void append_export_row(std::string& out, const entity& definition, std::string_view doc);

} // namespace synclog::core::csv
