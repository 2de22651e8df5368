// See seeds.hpp.
#include "fuzz/seeds.hpp"
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace synclog::fuzz {

namespace {

std::filesystem::path folder() {
  return std::filesystem::path(SYNCLOG_SOURCE_DIR) / "tests/fuzz";
}

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\n') continue;
    if (text[at] != '\\' || at + 1 == text.size()) {
      out.push_back(text[at]);
      continue;
    }
    const char letter = text[++at];
    const std::size_t known = std::string_view("rnt\\").find(letter);
    if (known != std::string_view::npos) {
      out.push_back("\r\n\t\\"[known]);
    } else if (letter == 'x' && text.size() - at > 2) {
      out.push_back(static_cast<char>(std::stoi(std::string(text.substr(at + 1, 2)), nullptr, 16)));
      at += 2;
    } else {
      throw std::runtime_error("a seed has an escape that is none: \\" + std::string(1, letter));
    }
  }
  return out;
}

std::string escaped(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char each : bytes) {
    const auto byte = static_cast<unsigned char>(each);
    const std::size_t known = std::string_view("\r\n\t\\").find(each);
    if (known != std::string_view::npos) {
      out += '\\';
      out += "rnt\\"[known];
    } else if (byte < 0x20 || byte > 0x7e) {
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += each;
    }
  }
  return out;
}

std::vector<seed> read_seeds(std::string_view target) {
  std::vector<seed> made;
  for (const auto& entry : std::filesystem::directory_iterator(folder() / "seeds" / target))
    made.push_back({entry.path().filename().string(), unescaped(content(entry.path()))});
  if (made.empty()) throw std::runtime_error("no seeds for " + std::string(target));
  std::sort(made.begin(), made.end(), [](const seed& a, const seed& b) { return a.file < b.file; });
  return made;
}

// Lines of "word", with \xNN, \\ and \".
std::vector<std::string> read_words(std::string_view target) {
  const auto file = folder() / "dictionaries" / (std::string(target) + ".dict");
  std::vector<std::string> made;
  if (!std::filesystem::exists(file)) return made;
  const std::string text = content(file);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    if (line.size() < 2 || line.front() != '"') continue;
    line = line.substr(1, line.size() - 2);
    for (std::size_t quote = line.find("\\\""); quote != std::string::npos; quote = line.find("\\\"", quote))
      line.erase(quote, 1);
    made.push_back(unescaped(line));
  }
  return made;
}

} // namespace synclog::fuzz
