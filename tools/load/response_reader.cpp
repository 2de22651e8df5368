// See response_reader.hpp.
#include "tools/load/response_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace synclog::tools::load {

namespace {

constexpr std::size_t max_chunk_line_bytes = 1'024;
constexpr int switching = 101, no_content = 204, not_modified = 304;

bool same_word(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if ((text[i] | 0x20) != lower[i] && text[i] != lower[i]) return false;
  return true;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

bool has_token(std::string_view list, std::string_view lower) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (same_word(trimmed(list.substr(0, comma)), lower)) return true;
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

bool parse_number(std::string_view text, std::uint64_t& value, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

} // namespace

void response_reader::reset() {
  stage_ = stage::head;
  begun_ = chunked_ = has_length_ = false;
  keep_ = true;
  status_ = 0;
  left_ = body_bytes_ = 0;
  held_.clear();
}

response_reader::step response_reader::take(std::string_view bytes) {
  if (bytes.empty()) return {};
  begun_ = true;
  switch (stage_) {
  case stage::head:
    return {take_head(bytes), {}};
  case stage::counted:
  case stage::chunk:
    return take_counted(bytes);
  case stage::to_end:
    body_bytes_ += bytes.size();
    return {bytes.size(), bytes};
  case stage::chunk_size:
  case stage::chunk_end:
  case stage::trailer:
    return {take_chunk_line(bytes), {}};
  case stage::done:
  case stage::broken:
    break;
  }
  return {};
}

void response_reader::end_of_stream() {
  if (stage_ == stage::to_end) stage_ = stage::done;
}

std::size_t response_reader::take_head(std::string_view bytes) {
  constexpr std::string_view mark = "\r\n\r\n";
  if (held_.empty()) {
    const auto end = bytes.find(mark);
    if (end != std::string_view::npos) {
      parse_head(bytes.substr(0, end + 2));
      return end + mark.size();
    }
    held_.assign(bytes);
  } else {
    const auto before = held_.size();
    held_.append(bytes);
    const auto end = held_.find(mark, before >= mark.size() ? before - mark.size() + 1 : 0);
    if (end != std::string::npos) {
      const auto used = end + mark.size() - before;
      const std::string head = held_.substr(0, end + 2);
      held_.clear();
      parse_head(head);
      return used;
    }
  }
  if (held_.size() > max_head_bytes) stage_ = stage::broken;
  return bytes.size();
}

void response_reader::parse_head(std::string_view head) {
  constexpr std::string_view version = "HTTP/1.";
  constexpr std::size_t status_at = 9;
  std::uint64_t status = 0;
  if (!head.starts_with(version) || head.size() < status_at + 3 || head[status_at - 1] != ' ' ||
      !parse_number(head.substr(status_at, 3), status, 10) || status < 100) {
    stage_ = stage::broken;
    return;
  }
  status_ = static_cast<int>(status);
  keep_ = head[version.size()] != '0';
  for (auto line_end = head.find('\n'); line_end + 1 < head.size();) {
    const auto next = head.find('\n', line_end + 1);
    parse_field(head.substr(line_end + 1, next - line_end - 1));
    if (next == std::string_view::npos || stage_ == stage::broken) break;
    line_end = next;
  }
  if (stage_ != stage::broken) choose_body();
}

void response_reader::parse_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const auto name = line.substr(0, colon);
  const auto value = trimmed(line.substr(colon + 1));
  if (same_word(name, "content-length")) {
    std::uint64_t length = 0;
    if (!parse_number(value, length, 10) || (has_length_ && length != left_)) stage_ = stage::broken;
    has_length_ = true;
    left_ = length;
  } else if (same_word(name, "transfer-encoding")) {
    chunked_ = has_token(value, "chunked");
  } else if (same_word(name, "connection")) {
    if (has_token(value, "close")) keep_ = false;
    if (has_token(value, "keep-alive")) keep_ = true;
  }
}

void response_reader::choose_body() {
  const bool interim = status_ < 200 && status_ != switching;
  if (interim) { // the answer itself is still to come
    reset();
    begun_ = true;
  } else if (status_ == switching || status_ == no_content || status_ == not_modified) {
    stage_ = stage::done;
  } else if (chunked_) {
    stage_ = stage::chunk_size;
  } else if (has_length_) {
    stage_ = left_ > 0 ? stage::counted : stage::done;
  } else {
    stage_ = stage::to_end;
    keep_ = false;
  }
}

response_reader::step response_reader::take_counted(std::string_view bytes) {
  const auto piece = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
  left_ -= piece.size();
  body_bytes_ += piece.size();
  if (left_ == 0) stage_ = stage_ == stage::counted ? stage::done : stage::chunk_end;
  return {piece.size(), piece};
}

// One line of the framing: a size, the end behind a chunk, or a line of the trailer.
std::size_t response_reader::take_chunk_line(std::string_view bytes) {
  const auto* found = static_cast<const char*>(std::memchr(bytes.data(), '\n', bytes.size()));
  const auto used = found == nullptr ? bytes.size() : static_cast<std::size_t>(found - bytes.data()) + 1;
  held_.append(bytes.substr(0, used));
  if (held_.size() > max_chunk_line_bytes)
    stage_ = stage::broken;
  else if (found != nullptr)
    end_chunk_line();
  return used;
}

void response_reader::end_chunk_line() {
  const auto line = trimmed(std::string_view(held_).substr(0, held_.size() - 1));
  if (stage_ == stage::chunk_end) {
    stage_ = line.empty() ? stage::chunk_size : stage::broken;
  } else if (stage_ == stage::trailer) {
    if (line.empty()) stage_ = stage::done;
  } else {
    std::uint64_t size = 0;
    if (!parse_number(trimmed(line.substr(0, line.find(';'))), size, 16))
      stage_ = stage::broken;
    else
      stage_ = size > 0 ? stage::chunk : stage::trailer;
    left_ = size;
  }
  held_.clear();
}

} // namespace synclog::tools::load
