// The reader: finds dialect and header, then gives rows. Where quotes cannot be trusted, physical lines
// decide, so that a stray quote costs at most its own line.
#include "core/csv.hpp"
#include "core/csv_scan.hpp"
#include "core/csv_text.hpp"
#include "core/utf8.hpp"
#include <algorithm>
#include <array>

namespace synclog::core::csv {

namespace {

// How far a quoted field may reach over line breaks in a file whose quotes cannot be trusted.
constexpr std::size_t max_quoted_bytes = 64 * 1024;
constexpr std::size_t max_quoted_lines = 100;
constexpr std::size_t max_columns = 2'000;

constexpr std::string_view space = " \t";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

// The candidate that the header line has most of, outside quotes.
char find_delimiter(std::string_view header_line) {
  constexpr std::string_view candidates = ",;\t|";
  std::array<std::size_t, candidates.size()> counts{};
  bool enclosed = false;
  for (const char each : header_line) {
    if (each == '"') enclosed = !enclosed;
    const std::size_t which = candidates.find(each);
    if (!enclosed && which != std::string_view::npos) ++counts[which];
  }
  return candidates[static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) -
                                             counts.begin())];
}

// A line of nothing but space. Tabs count as cells where they delimit.
bool is_blank(std::string_view line, char delimiter) {
  return line.find_first_not_of(delimiter == '\t' ? " " : space) == std::string_view::npos;
}

std::size_t quoted_limit(std::string_view text, std::size_t offset) {
  const std::size_t farthest = std::min(text.size(), offset + max_quoted_bytes);
  std::size_t at = offset;
  for (std::size_t lines = 0; lines < max_quoted_lines && at < farthest; ++lines)
    at = line_past(text, at);
  return std::min(at, farthest);
}

std::uint64_t count_lines(std::string_view text, std::size_t offset, std::size_t past) {
  const std::string_view part = text.substr(offset, past - offset);
  const auto breaks = static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'));
  return part.ends_with('\n') ? breaks : breaks + 1;
}

problem row_defect(std::uint64_t line, std::uint64_t column, std::string detail) {
  problem defect = invalid_field("", std::move(detail));
  defect.place = text_place{line, column};
  return defect;
}

} // namespace

result<reader> reader::open(std::string_view bytes, quote_trust trust) {
  auto decoded = decode_text(bytes);
  if (!decoded) return std::move(decoded).error();
  reader made;
  made.text_ = std::move(decoded->text);
  made.dialect_.encoding = std::move(decoded->encoding);
  made.check_bytes_ = decoded->has_broken_bytes;
  const std::string_view text = made.text_;
  while (made.offset_ < text.size() && is_blank(line_text(text, made.offset_), '\t')) {
    made.offset_ = line_past(text, made.offset_);
    ++made.line_;
  }
  const auto refuse = [&](const char* why) {
    problem refused = make_problem(problem_code::malformed, why);
    refused.place = text_place{made.line_, 1};
    return refused;
  };
  if (made.offset_ == text.size()) return refuse("the file has no header");
  const std::string_view line = line_text(text, made.offset_);
  const auto has_control_character = [](std::string_view name) {
    return std::any_of(name.begin(), name.end(), [](char each) {
      return static_cast<unsigned char>(each) < 0x20 && each != '\t' && each != '\n' && each != '\r';
    });
  };
  if (has_control_character(line) || !is_valid_utf8(line))
    return refuse("the first line is no header but has characters that are no text");
  made.dialect_.delimiter = find_delimiter(line);
  row first;
  const scan_options options{made.dialect_.delimiter, quoting::rfc4180, quoted_limit(text, made.offset_)};
  const scanned header = scan_record(text, made.offset_, options, first);
  for (const std::string& cell : first.cells) {
    // A quoted name may run over several lines: what was looked at above is only the first.
    if (has_control_character(cell) || !is_valid_utf8(cell))
      return refuse("the header has characters that are no text");
    made.header_.emplace_back(trimmed(cell));
  }
  if (std::all_of(made.header_.begin(), made.header_.end(), [](const auto& name) { return name.empty(); }))
    return refuse("the file has no header");
  if (made.header_.size() > max_columns) return refuse("the header has more than 2,000 columns");
  made.line_ += count_lines(text, made.offset_, header.past);
  made.offset_ = header.past;
  made.dialect_.strict = trust == quote_trust::look ? made.is_strict() : trust == quote_trust::proper;
  return made;
}

// Walks over the whole file once when it has quotes at all. Two stray quotes that happen to pair up look like
// one quoted field over several lines: that is believed only of a writer that is seen to quote elsewhere, of
// an export, or where a line by itself would have too few fields or too many and none reaches far.
bool reader::is_strict() const {
  const std::string_view text = text_;
  if (text.find('"', offset_) == std::string_view::npos) return true;
  bool quotes_within_lines = false;
  bool lines_would_break = false;
  bool reaches_far = false;
  row scratch;
  for (std::size_t at = offset_; at < text.size();) {
    const std::size_t first_line_past = line_past(text, at);
    if (is_blank(line_text(text, at), dialect_.delimiter)) {
      at = first_line_past;
      continue;
    }
    const scanned found = scan_record(text, at, {dialect_.delimiter, quoting::rfc4180, text.size()}, scratch);
    if (found.stray_quote || scratch.cells.size() != header_.size()) return false;
    if (found.past == first_line_past) {
      quotes_within_lines = quotes_within_lines || found.quoted_fields > 0;
    } else {
      lines_would_break = lines_would_break || !has_only_complete_lines(at, found.past);
      reaches_far = reaches_far || found.past > quoted_limit(text, at);
    }
    at = found.past;
  }
  return quotes_within_lines || (lines_would_break && !reaches_far) ||
         (dialect_.delimiter == ',' && header_.front() == "id");
}

bool reader::next(row& out) {
  const std::string_view text = text_;
  out.defect.reset();
  out.defect_column = 0;
  while (offset_ < text.size() && is_blank(line_text(text, offset_), dialect_.delimiter)) {
    offset_ = line_past(text, offset_);
    ++line_;
  }
  if (offset_ >= text.size()) return false;
  out.line = line_;
  if (dialect_.strict) {
    const scanned found =
        scan_record(text, offset_, {dialect_.delimiter, quoting::rfc4180, text.size()}, out);
    line_ += count_lines(text, offset_, found.past);
    offset_ = found.past;
  } else {
    next_tolerant(out);
  }
  if (out.cells.size() != header_.size())
    out.defect = row_defect(out.line, 0,
                            "has " + std::to_string(out.cells.size()) + " fields where the header has " +
                                std::to_string(header_.size()));
  else if (check_bytes_)
    check_cells(out);
  return true;
}

// Tries, in this order, what gives the header's number of fields: quotes that may span lines, quotes within
// the line, no quotes at all. When nothing does, the physical line is broken and stands by itself.
void reader::next_tolerant(row& out) {
  const std::string_view text = text_;
  const std::size_t past = line_past(text, offset_);
  const scan_options within_line{dialect_.delimiter, quoting::rfc4180, past};
  scanned found = scan_record(text, offset_, within_line, out);
  // A line that is complete although a quote in its midst stays open does not need the next one.
  const bool complete = out.cells.size() == header_.size() && found.open_field + 1 < header_.size();
  if (found.open_quote && !complete) {
    const scan_options across_lines{dialect_.delimiter, quoting::rfc4180, quoted_limit(text, offset_)};
    found = scan_record(text, offset_, across_lines, out);
    // Who encloses a line break properly has no stray quotes in the same record.
    if (found.past > past && !found.stray_quote && out.cells.size() == header_.size() &&
        !swallows_complete_line(past, found.past)) {
      line_ += count_lines(text, offset_, found.past);
      offset_ = found.past;
      return;
    }
    found = scan_record(text, offset_, within_line, out);
  }
  if (out.cells.size() != header_.size() && found.quoted_fields > 0) {
    scan_record(text, offset_, {dialect_.delimiter, quoting::literal, past}, out);
    if (out.cells.size() != header_.size()) scan_record(text, offset_, within_line, out);
  }
  offset_ = past;
  ++line_;
}

bool reader::is_complete_line(std::size_t offset, std::size_t past) const {
  const std::string_view line = std::string_view(text_).substr(offset, past - offset);
  return static_cast<std::size_t>(std::count(line.begin(), line.end(), dialect_.delimiter)) + 1 ==
         header_.size();
}

bool reader::has_only_complete_lines(std::size_t offset, std::size_t past) const {
  for (std::size_t at = offset; at < past;) {
    const std::size_t next = line_past(text_, at);
    if (!is_complete_line(at, next)) return false;
    at = next;
  }
  return true;
}

bool reader::swallows_complete_line(std::size_t offset, std::size_t past) const {
  if (header_.size() == 1) return false; // every line is complete: quotes are all there is to go by
  for (std::size_t at = offset; at < past;) {
    const std::size_t next = line_past(text_, at);
    if (is_complete_line(at, next)) return true;
    at = next;
  }
  return false;
}

void reader::check_cells(row& out) const {
  for (std::size_t at = 0; at < out.cells.size(); ++at) {
    const std::string& cell = out.cells[at];
    const bool has_nul = cell.find('\0') != std::string::npos;
    if (!has_nul && is_valid_utf8(cell)) continue;
    out.defect_column = at + 1;
    out.defect =
        row_defect(out.line, at + 1,
                   has_nul ? "has a NUL character in " + header_[at]
                           : "has bytes in " + header_[at] + " that are no " + dialect_.encoding + " text");
    return;
  }
}

} // namespace synclog::core::csv
