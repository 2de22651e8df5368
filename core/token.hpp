// Secrets that callers carry (tokens, sessions, tickets), what is kept of them, and the words for roles and
// lifetimes. Pure but for the randomness; any thread.
#pragma once
#include "core/clock.hpp"
#include "core/ids.hpp"
#include "core/problem.hpp"
#include "core/scope.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::core {

// What events of token changes are called in the log. No definition can have the name.
inline constexpr std::string_view token_entity = "admin/tokens";

enum class secret_kind : std::uint8_t { token, session, ticket };

struct fresh_secret {
  std::string text; // shown once: "slk_" and 64 hex digits, 256 bits of the system's randomness
  sha256_digest hash{};
};
fresh_secret make_secret(secret_kind kind);
// Of a text that has the form of such a secret, else empty. SHA-256 without salt or stretching is enough:
// there are 2^256 of them, nobody tries them out.
std::optional<sha256_digest> hash_of_secret(secret_kind kind, std::string_view text);
// Takes as long wherever they differ.
bool equal_in_constant_time(const sha256_digest& left, const sha256_digest& right);

std::string_view to_string(role one);
std::optional<role> role_from(std::string_view word);
// Changes of tokens are events that only those may see who see everything and answer for it.
bool sees_token_events(const scope& caller);

// "90d", "12h", "30m", "45s": more than nothing, at most ten years. The problem (bad_request) says so.
result<std::int64_t> parse_lifetime_s(std::string_view text);

// What a token is made of, checked: a name is 1 to 100 bytes of visible text without a colon (actors with one
// are tools') that is no reserved actor's; only viewers and editors have branches. Pointers are those of the
// admin route's body.
struct token_wish {
  std::string name;
  core::role role = core::role::viewer;
  std::vector<std::string> branches;   // empty: all; each once, sorted, once it is checked
  std::optional<timestamp> expires_at; // empty: never
};
result<token_wish> checked_wish(token_wish wish, timestamp now);

} // namespace synclog::core
