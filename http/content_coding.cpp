// See content_coding.hpp.
#include "http/content_coding.hpp"
#include "http/ascii.hpp"
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

} // namespace

bool allows_coding(std::string_view list, std::string_view coding) {
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

} // namespace synclog::http
