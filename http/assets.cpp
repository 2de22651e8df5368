// Content negotiation for embedded files. The files themselves are in a generated source.
#include "http/assets.hpp"
#include "http/ascii.hpp"
#include <algorithm>
#include <string>

namespace synclog::http {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "q=0", "q=0.000" and the like.
bool refuses(std::string_view parameters) {
  const auto at = parameters.find("q=");
  if (at == std::string_view::npos) return false;
  const std::string_view value = trimmed(parameters.substr(at + 2));
  return !value.empty() && value.find_first_not_of("0.") == std::string_view::npos;
}

// Whether `coding` stands in the list by its own name and is not refused.
bool allows(std::string_view list, std::string_view coding) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    const auto semicolon = item.find(';');
    const bool named = lower_case(trimmed(item.substr(0, semicolon))) == coding;
    if (named) return semicolon == std::string_view::npos || !refuses(item.substr(semicolon));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

} // namespace

const asset* find_asset(std::string_view path) {
  const auto files = embedded_assets();
  const auto at =
      std::find_if(files.begin(), files.end(), [path](const asset& file) { return file.path == path; });
  return at == files.end() ? nullptr : &*at;
}

bool needs_policy(const asset& file) {
  return file.type.starts_with("text/html") || file.path == "/sw.js";
}

encoded_body body_for(const asset& file, std::string_view accept_encoding) {
  encoded_body best{file.plain, ""};
  // A very small file becomes larger by compression.
  const auto consider = [&](std::string_view bytes, std::string_view encoding) {
    if (bytes.size() < best.bytes.size() && allows(accept_encoding, encoding)) best = {bytes, encoding};
  };
  consider(file.gzip, "gzip");
  consider(file.brotli, "br");
  return best;
}

} // namespace synclog::http
