// Writes records as CSV: comma, CRLF, RFC 4180 quotes where needed, null as nothing and the empty text as "".
#include "core/csv.hpp"
#include "core/csv_scan.hpp"
#include "core/record.hpp"
#include <stdexcept>

namespace synclog::core::csv {

namespace {

void append_cell(std::string& out, std::string_view text) {
  if (text.empty()) {
    out += "\"\"";
    return;
  }
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out.push_back('"');
  for (std::size_t at = 0;;) {
    const std::size_t quote = text.find('"', at);
    out.append(text.substr(at, quote - at));
    if (quote == std::string_view::npos) break;
    out += "\"\"";
    at = quote + 1;
  }
  out.push_back('"');
}

// A spreadsheet would run such a cell as a formula.
void append_text_cell(std::string& out, std::string_view text) {
  if (begins_like_formula(text))
    append_cell(out, "'" + std::string(text));
  else
    append_cell(out, text);
}

} // namespace

void append_export_header(std::string& out, const entity& definition) {
  out += "id";
  for (const field& each : definition.fields) {
    out.push_back(',');
    out += each.name;
  }
  out += "\r\n";
}

void append_export_row(std::string& out, const entity& definition, std::string_view doc) {
  const auto decoded = decode_record(definition, doc);
  // The read table gave it: whoever wrote that document, it was not us.
  if (!decoded) throw std::runtime_error("a stored record cannot be exported: " + decoded.error().detail);
  append_text_cell(out, decoded->head.id);
  for (std::size_t index = 0; index < definition.fields.size(); ++index) {
    out.push_back(',');
    if (decoded->fields.is_null(index)) continue;
    const std::string text = field_plain_text(decoded->fields.get(index));
    if (definition.fields[index].type == field_type::text)
      append_text_cell(out, text);
    else
      append_cell(out, text);
  }
  out += "\r\n";
}

} // namespace synclog::core::csv
