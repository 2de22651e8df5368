// See credentials.hpp.
#include "http/auth/credentials.hpp"
#include "http/ascii.hpp"
#include <fmt/format.h>

namespace synclog::http::auth {

namespace {

using code = core::problem_code;
using core::secret_kind;

constexpr std::string_view scheme = "bearer ";

core::problem needs_token() {
  return core::make_problem(code::unauthorized,
                            "this server asks for a token: Authorization: Bearer <token>");
}

// The value of a cookie; empty when it is not there, or there twice: then somebody else has set one of them.
std::optional<std::string_view> find_cookie(const request& asked, std::string_view name) {
  std::optional<std::string_view> found;
  for (const auto& [header, value] : asked.headers) {
    if (header != "cookie") continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const auto end = std::min(rest.find(';'), rest.size());
      auto pair = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      while (!pair.empty() && pair.front() == ' ')
        pair.remove_prefix(1);
      const auto equals = pair.find('=');
      if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
      if (found) return std::nullopt;
      found = pair.substr(equals + 1);
    }
  }
  return found;
}

core::result<credential> read_bearer(const request& asked) {
  std::size_t headers = 0;
  for (const auto& [name, value] : asked.headers)
    headers += name == "authorization" ? 1 : 0;
  if (headers > 1) return core::make_problem(code::bad_request, "Authorization is given twice");
  std::string_view value = asked.header("authorization");
  if (value.size() <= scheme.size() || !equals_ignoring_case(value.substr(0, scheme.size()), scheme))
    return needs_token();
  value.remove_prefix(scheme.size());
  while (!value.empty() && value.front() == ' ')
    value.remove_prefix(1);
  const auto hash = core::hash_of_secret(secret_kind::token, value);
  if (!hash) return not_let_in();
  return credential{secret_kind::token, *hash};
}

} // namespace

core::problem not_let_in() {
  return core::make_problem(code::unauthorized, "this token is not valid: unknown, expired or revoked");
}

std::optional<core::problem> refuse_secret_in_url(const request& asked) {
  for (const auto& [name, value] : asked.query) {
    const bool is_secret = name == "access_token" || core::hash_of_secret(secret_kind::token, value) ||
                           core::hash_of_secret(secret_kind::session, value);
    if (is_secret)
      return core::make_problem(
          code::bad_request,
          "tokens do not travel in URLs, which are kept in histories and logs: send "
          "Authorization: Bearer, or for /ws a ticket of POST /api/tickets. Revoke this one.");
  }
  return std::nullopt;
}

core::result<credential> read_credential(const request& asked) {
  if (!asked.header("authorization").empty()) return read_bearer(asked);
  if (const auto ticket = asked.parameter("ticket"); ticket && asked.path == "/ws") {
    const auto hash = core::hash_of_secret(secret_kind::ticket, *ticket);
    if (!hash) return not_let_in();
    return credential{secret_kind::ticket, *hash};
  }
  if (const auto hash = session_cookie(asked)) return credential{secret_kind::session, *hash};
  return needs_token();
}

std::optional<core::sha256_digest> session_cookie(const request& asked) {
  const auto value = find_cookie(asked, cookie_name(asked.https));
  return value ? core::hash_of_secret(secret_kind::session, *value) : std::nullopt;
}

std::string_view cookie_name(bool https) {
  return https ? "__Host-synclog" : "synclog";
}

std::string cookie_header(bool https, std::string_view secret, std::int64_t lifetime_s) {
  return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", cookie_name(https), secret,
                     secret.empty() ? 0 : lifetime_s, https ? "; Secure" : "");
}

} // namespace synclog::http::auth
