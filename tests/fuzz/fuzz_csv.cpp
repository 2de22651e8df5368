// The CSV reader: whatever the file, rows have the header's fields and hold text; written again in the
// plainest form they are the same rows; and what an entity's record becomes in an export comes back as the
// same record.
#include "core/csv.hpp"
#include "core/entity.hpp"
#include "core/record.hpp"
#include "core/utf8.hpp"
#include "core/validate.hpp"
#include "fuzz/targets.hpp"
#include <algorithm>

namespace synclog::fuzz {

namespace door = core::csv;

namespace {

constexpr std::size_t max_input_bytes = 16u << 10; // far below where a quoted field is cut

const core::catalog& entities() {
  static const auto loaded = core::catalog::load("");
  return *loaded;
}

using cells = std::vector<std::string>;
struct table {
  cells header;
  std::vector<cells> rows; // those without a defect
};

bool is_text(std::string_view text) {
  return core::is_valid_utf8(text) && text.find('\0') == std::string_view::npos;
}

// Reads to the end and looks at each row.
table read_all(door::reader& reader) {
  table made{reader.header(), {}};
  require(!made.header.empty(), "csv: a file that is taken has a header");
  for (const std::string& name : made.header)
    require(is_text(name), "csv: the header is text");
  std::uint64_t line = 0;
  for (door::row row; reader.next(row);) {
    require(row.line > line, "csv: each row begins behind the one before");
    line = row.line;
    require(row.quoted.size() == row.cells.size(), "csv: each cell is known to be quoted or not");
    if (row.defect) {
      require(row.defect->place && row.defect->place->line == row.line, "csv: a broken row says where it is");
      require(row.defect_column <= made.header.size(), "csv: a broken row names a column that there is");
      continue;
    }
    require(row.cells.size() == made.header.size(), "csv: a good row has the header's fields");
    for (const std::string& cell : row.cells)
      require(is_text(cell), "csv: a good row is text");
    made.rows.push_back(row.cells);
  }
  return made;
}

// RFC 4180 at its plainest: everything in quotes.
void append_line(std::string& out, const cells& line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    out += i == 0 ? "\"" : ",\"";
    for (const char each : line[i])
      out.append(each == '"' ? 2 : 1, each);
    out += '"';
  }
  out += "\r\n";
}

bool has(const table& given, std::string_view characters) {
  const auto in = [characters](const std::string& cell) {
    return cell.find_first_of(characters) != std::string::npos;
  };
  const auto any = [&in](const cells& line) { return std::any_of(line.begin(), line.end(), in); };
  return any(given.header) || std::any_of(given.rows.begin(), given.rows.end(), any);
}

// So many that the file may be taken for no text.
bool has_controls(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char each) {
    return static_cast<unsigned char>(each) < 0x20 && each != '\r' && each != '\n' && each != '\t';
  });
}

void check_written_again(const table& read) {
  std::string text;
  append_line(text, read.header);
  for (const cells& row : read.rows)
    append_line(text, row);
  for (const auto trust : {door::quote_trust::look, door::quote_trust::proper, door::quote_trust::stray}) {
    // Believing no line break in quotes costs the rows that have one.
    if (trust == door::quote_trust::stray && has(read, "\n")) continue;
    // A file of one column of which no line stands by itself looks like one of stray quotes.
    if (trust == door::quote_trust::look && has(read, "\n")) continue;
    auto reader = door::reader::open(text, trust);
    if (!reader && has_controls(text)) continue;
    require(reader.has_value(), "csv: what was read can be written and read again");
    const table again = read_all(*reader);
    require(again.header == read.header, "csv: the header written again is the same");
    require(again.rows == read.rows, "csv: the rows written again are the same");
  }
}

// A record as an import makes it, exported, is imported as the same fields.
void check_export(const core::entity& definition, const core::input_record& made) {
  core::record_head head{.id = made.id.empty() ? "X-1" : made.id,
                         .version = 1,
                         .position = {1},
                         .created_at = {},
                         .updated_at = {}};
  core::field_texts fields = made.fields;
  core::fill_defaults(definition, fields);
  std::string file;
  door::append_export_header(file, definition);
  door::append_export_row(file, definition, core::encode_record(definition, head, fields));
  auto reader = door::reader::open(file);
  if (!reader && has_controls(file)) return;
  require(reader.has_value(), "csv: an export can be read");
  const auto plan = door::column_plan::make(definition, reader->header(), {}, reader->dialect());
  require(plan && plan->own_export(), "csv: an export is known as one");
  door::row row;
  require(reader->next(row) && !row.defect, "csv: an export has its row");
  const auto back = plan->to_record(row);
  require(back.has_value(), "csv: an export's row is a record");
  require(back->id == head.id, "csv: an export keeps the id");
  for (std::size_t i = 0; i < fields.size(); ++i)
    require(back->fields.has(i) && back->fields.get(i) == fields.get(i), "csv: an export keeps every field");
  door::row none;
  require(!reader->next(none), "csv: an export of one record has one row");
}

void check_plan(door::reader reader, const core::entity& definition) {
  const auto plan = door::column_plan::make(definition, reader.header(), {}, reader.dialect());
  if (!plan) {
    require(plan.error().code == core::problem_code::bad_request,
            "csv: columns that do not fit are a bad request");
    return;
  }
  for (door::row row; reader.next(row);) {
    const auto record = plan->to_record(row);
    if (record)
      check_export(definition, *record);
    else
      require(record.error().place && record.error().place->line == row.line,
              "csv: a refused row says where it is");
  }
}

} // namespace

void csv(std::string_view input) {
  if (input.size() > max_input_bytes) return;
  for (const auto trust : {door::quote_trust::look, door::quote_trust::proper, door::quote_trust::stray}) {
    auto reader = door::reader::open(input, trust);
    if (!reader) {
      require(reader.error().code == core::problem_code::malformed,
              "csv: a file that is not taken is malformed");
      continue;
    }
    check_written_again(read_all(*reader));
  }
  const auto reader = door::reader::open(input);
  if (!reader) return;
  for (const char* name : {"clients", "distributors", "finance-cash-requests"})
    check_plan(*reader, *entities().find(name));
}

} // namespace synclog::fuzz
