// See csv_text.hpp. Encodings are told apart by byte order mark, by zero bytes, and by whether UTF-8 fits.
#include "core/csv_text.hpp"
#include "core/utf8.hpp"
#include <algorithm>
#include <array>

namespace synclog::core::csv {

namespace {

constexpr std::size_t sample_bytes = 64 * 1024;

// What windows-1252 has at 0x80 to 0x9F; its five holes are the C1 controls, as browsers read them.
constexpr std::array<std::uint16_t, 32> windows_1252{
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

enum class byte_order : std::uint8_t { little, big };

std::string from_utf16(std::string_view bytes, byte_order order) {
  const auto unit_at = [&](std::size_t at) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const auto second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<std::uint32_t>(order == byte_order::little ? second << 8 | first
                                                                  : first << 8 | second);
  };
  std::string text;
  text.reserve(bytes.size() / 2);
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    std::uint32_t code_point = unit_at(at);
    if (code_point >= 0xD800 && code_point < 0xDC00 && at + 3 < bytes.size()) {
      const std::uint32_t low = unit_at(at + 2);
      if (low >= 0xDC00 && low < 0xE000) {
        code_point = 0x10000 + ((code_point - 0xD800) << 10 | (low - 0xDC00));
        at += 2;
      }
    }
    append_code_point(text, code_point); // a lone surrogate becomes bytes that the row's check refuses
  }
  return text;
}

std::string from_windows_1252(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + bytes.size() / 8);
  for (const char each : bytes) {
    const auto byte = static_cast<unsigned char>(each);
    append_code_point(text, byte >= 0x80 && byte < 0xA0 ? windows_1252[byte - 0x80] : byte);
  }
  return text;
}

// UTF-16 without a mark shows in Latin text as zeros in every second byte.
std::string zero_byte_encoding(std::string_view bytes) {
  const std::string_view sample = bytes.substr(0, sample_bytes);
  std::array<std::size_t, 2> zeros{};
  for (std::size_t at = 0; at < sample.size(); ++at)
    if (sample[at] == '\0') ++zeros[at % 2];
  const std::size_t units = sample.size() / 2;
  const auto mostly = [&](std::size_t count) { return count * 10 >= units * 4; };
  const auto hardly = [&](std::size_t count) { return count * 20 <= units; };
  if (units < 2) return {};
  if (mostly(zeros[1]) && hardly(zeros[0])) return "utf-16le";
  if (mostly(zeros[0]) && hardly(zeros[1])) return "utf-16be";
  return {};
}

// Ill-formed bytes are one broken row in a UTF-8 file, or every accent of a windows-1252 file: what prevails
// decides.
bool looks_like_utf8(std::string_view bytes) {
  std::size_t broken = 0;
  std::size_t well_formed = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = utf8_sequence_length(bytes, at);
    if (length == 0) ++broken;
    if (length > 1) ++well_formed;
    at += std::max<std::size_t>(length, 1);
  }
  return well_formed > 4 * broken;
}

bool is_text(std::string_view text) {
  const std::string_view sample = text.substr(0, sample_bytes);
  const auto controls = static_cast<std::size_t>(std::count_if(sample.begin(), sample.end(), [](char each) {
    return static_cast<unsigned char>(each) < 0x20 && each != '\n' && each != '\r' && each != '\t';
  }));
  return controls * 50 <= sample.size() + 50; // one in fifty, and one in the smallest file
}

} // namespace

result<decoded_text> decode_text(std::string_view bytes) {
  decoded_text decoded;
  decoded.encoding = "utf-8";
  if (bytes.starts_with("\xEF\xBB\xBF")) {
    bytes.remove_prefix(3);
  } else if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) {
    decoded.encoding = bytes.front() == '\xFF' ? "utf-16le" : "utf-16be";
    bytes.remove_prefix(2);
  } else if (const std::string found = zero_byte_encoding(bytes); !found.empty()) {
    decoded.encoding = found;
  } else if (!is_valid_utf8(bytes) && !looks_like_utf8(bytes)) {
    decoded.encoding = "windows-1252";
  }
  if (decoded.encoding == "utf-8")
    decoded.text = std::string(bytes);
  else if (decoded.encoding == "windows-1252")
    decoded.text = from_windows_1252(bytes);
  else
    decoded.text = from_utf16(bytes, decoded.encoding == "utf-16le" ? byte_order::little : byte_order::big);
  std::string& text = decoded.text;
  if (!text.empty() && text.back() == '\x1A') text.pop_back(); // DOS end of file
  if (!is_text(text)) return make_problem(problem_code::malformed, "the file is no text");
  if (text.find('\n') == std::string::npos) std::replace(text.begin(), text.end(), '\r', '\n');
  decoded.has_broken_bytes = text.find('\0') != std::string::npos || !is_valid_utf8(text);
  return decoded;
}

} // namespace synclog::core::csv
