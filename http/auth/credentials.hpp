// What a request shows to be let in, read from its headers: a token, a session's cookie, or a ticket. Pure.
#pragma once
#include "core/token.hpp"
#include "http/message.hpp"
#include <optional>
#include <string>
#include <string_view>

namespace synclog::http::auth {

struct credential {
  core::secret_kind kind = core::secret_kind::token;
  core::sha256_digest hash{};
};

// A token that was written into a URL: such URLs end in histories and logs. bad_request.
std::optional<core::problem> refuse_secret_in_url(const request& asked);

// `Authorization` beats a ticket, which beats the cookie. unauthorized when there is none, or nothing that
// could be one.
core::result<credential> read_credential(const request& asked);
// The session named by the cookie, whatever else the request shows.
std::optional<core::sha256_digest> session_cookie(const request& asked);

// For callers by https the name that only the host itself can set, over https, for all paths (RFC 6265bis).
std::string_view cookie_name(bool https);
// The value of a Set-Cookie. Without a secret the cookie is taken away.
std::string cookie_header(bool https, std::string_view secret, std::int64_t lifetime_s);

core::problem not_let_in(); // the same for unknown, expired and revoked ones

} // namespace synclog::http::auth
