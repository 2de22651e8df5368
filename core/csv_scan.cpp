// See csv_scan.hpp.
#include "core/csv_scan.hpp"
#include <algorithm>

namespace synclog::core::csv {

namespace {

class scanner {
 public:
  scanner(std::string_view text, std::size_t offset, const scan_options& options, row& out)
      : text_(text), at_(offset), options_(options), out_(out) {}

  scanned run() {
    for (;;) {
      std::string& cell = next_cell();
      bool enclosed = false;
      if (at_ < text_.size() && text_[at_] == '"') {
        enclosed = options_.quoting == quoting::rfc4180 && take_quoted(cell);
        if (!enclosed) found_.stray_quote = true;
      }
      if (!enclosed) take_plain(cell);
      out_.quoted[used_ - 1] = enclosed;
      if (enclosed) ++found_.quoted_fields;
      if (at_ < text_.size() && text_[at_] == options_.delimiter) {
        ++at_;
        continue;
      }
      break;
    }
    out_.cells.resize(used_);
    out_.quoted.resize(used_);
    found_.past = line_past(text_, at_); // at a line end or at the end
    return found_;
  }

 private:
  std::string& next_cell() {
    if (used_ == out_.cells.size()) out_.cells.emplace_back();
    if (used_ == out_.quoted.size()) out_.quoted.push_back(false);
    std::string& cell = out_.cells[used_++];
    cell.clear();
    return cell;
  }

  bool ends_field(std::size_t at) const {
    if (at >= text_.size() || text_[at] == options_.delimiter || text_[at] == '\n') return true;
    return text_[at] == '\r' && (at + 1 == text_.size() || text_[at + 1] == '\n');
  }

  bool take_quoted(std::string& cell) {
    std::size_t from = at_ + 1;
    for (;;) {
      const std::size_t quote = text_.substr(0, options_.limit).find('"', from);
      if (quote == std::string_view::npos) {
        if (!found_.open_quote) found_.open_field = used_ - 1;
        found_.open_quote = true;
        break;
      }
      cell.append(text_, from, quote - from);
      if (quote + 1 < options_.limit && text_[quote + 1] == '"') {
        cell.push_back('"');
        from = quote + 2;
        continue;
      }
      if (!ends_field(quote + 1)) break;
      at_ = quote + 1;
      return true;
    }
    cell.clear();
    return false;
  }

  void take_plain(std::string& cell) {
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != options_.delimiter && text_[at_] != '\n') {
      if (text_[at_] == '"') found_.stray_quote = true;
      ++at_;
    }
    std::size_t past = at_;
    const bool line_end = at_ == text_.size() || text_[at_] == '\n';
    if (line_end && past > start && text_[past - 1] == '\r') --past;
    cell.append(text_, start, past - start);
  }

  std::string_view text_;
  std::size_t at_;
  const scan_options& options_;
  row& out_;
  std::size_t used_ = 0;
  scanned found_;
};

} // namespace

scanned scan_record(std::string_view text, std::size_t offset, const scan_options& options, row& out) {
  return scanner(text, offset, options, out).run();
}

bool begins_like_formula(std::string_view text) {
  const std::size_t first = text.find_first_not_of('\'');
  return first != std::string_view::npos &&
         std::string_view("=+-@").find(text[first]) != std::string_view::npos;
}

std::size_t line_past(std::string_view text, std::size_t offset) {
  const std::size_t end = text.find('\n', offset);
  return end == std::string_view::npos ? text.size() : end + 1;
}

std::string_view line_text(std::string_view text, std::size_t offset) {
  std::string_view line = text.substr(offset, line_past(text, offset) - offset);
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

} // namespace synclog::core::csv
