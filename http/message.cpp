// Look-ups in a request: a linear walk, because a request has a dozen headers.
#include "http/message.hpp"

namespace synclog::http {

std::string_view request::header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_name) return value;
  }
  return {};
}

std::optional<std::string_view> request::parameter(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

} // namespace synclog::http
