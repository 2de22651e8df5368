// CORS: the allow-list and its headers.
#include "http/cors.hpp"
#include "http/ascii.hpp"
#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace synclog::http {
namespace {

bool is_host_character(char c) {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '[' || c == ']' || c == ':';
}

bool is_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= 1 && value <= 65'535;
}

} // namespace

core::result<std::string> normalize_origin(std::string_view origin) {
  const auto bad = [&origin] {
    return core::make_problem(core::problem_code::bad_request,
                              "'" + std::string(origin) +
                                  "' is no origin: expected http(s)://host[:port] and nothing more");
  };
  std::string out = lower_case(origin);
  std::string_view default_port;
  std::size_t host_begin = 0;
  if (out.starts_with("http://")) {
    default_port = "80";
    host_begin = 7;
  } else if (out.starts_with("https://")) {
    default_port = "443";
    host_begin = 8;
  } else {
    return bad();
  }
  const std::string_view rest = std::string_view(out).substr(host_begin);
  if (rest.empty() || !std::all_of(rest.begin(), rest.end(), is_host_character)) return bad();
  const std::size_t bracket = rest.rfind(']');
  const std::size_t colon = rest.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == 0) return bad();
  if (colon != std::string_view::npos) {
    const std::string_view port = rest.substr(colon + 1);
    if (!is_port(port)) return bad();
    if (port == default_port) out.resize(host_begin + colon);
  }
  return out;
}

cors_policy::cors_policy(const std::vector<std::string>& origins) {
  for (const std::string& origin : origins) {
    auto normal = normalize_origin(origin);
    if (!normal) throw std::invalid_argument("--cors-origin: " + normal.error().detail);
    origins_.push_back(std::move(*normal));
  }
}

const std::string* cors_policy::find(std::string_view origin) const {
  if (origin.empty() || origins_.empty()) return nullptr;
  const auto normal = normalize_origin(origin);
  if (!normal) return nullptr;
  const auto at = std::find(origins_.begin(), origins_.end(), *normal);
  return at == origins_.end() ? nullptr : &*at;
}

void append_cors_headers(std::string& head, std::string_view allowed_origin) {
  head += "Access-Control-Allow-Origin: ";
  head += allowed_origin;
  head += "\r\nAccess-Control-Expose-Headers: ETag, Link, Location, Sync-Position, Idempotency-Replayed, "
          "X-Request-Id, "
          "Retry-After, Preference-Applied\r\n";
}

void append_preflight_headers(std::string& head) {
  head += "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
          "Access-Control-Allow-Headers: Authorization, Content-Type, Idempotency-Key, If-Match, "
          "If-None-Match, Prefer, "
          "Last-Event-ID, Synclog-Actor, X-Request-Id\r\n"
          "Access-Control-Max-Age: 600\r\n";
}

} // namespace synclog::http
