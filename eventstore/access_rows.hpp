// Tokens, sessions and tickets as the database holds them: the SQL, and rows to values. The same statements
// run on a pool and on a plain connection. Pure; any thread.
#pragma once
#include "core/token.hpp"
#include "eventstore/pg/types.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::eventstore {

struct token_row {
  std::string id, name, created_by;
  core::role role = core::role::viewer;
  std::vector<std::string> branches; // empty: all
  core::timestamp created_at;
  std::optional<core::timestamp> expires_at, revoked_at;
  std::string last_used_on; // "2026-11-23"; "" = never
  bool ended = false;       // revoked or expired, by the database's clock
};
core::scope scope_of(const token_row& token);
std::string_view state_of(const token_row& token); // "live", "expired", "revoked"

// Of a token by itself, or of a session of it. Expires when the first of both does.
struct access_row {
  token_row token;
  std::string secret_hash; // 32 bytes: the session's, or without one the token's
  std::string session_id;  // "" = the token itself
  std::optional<core::timestamp> expires_at;
  bool ended = false;
};

struct session_row {
  std::string id, token_id, token_name, user_agent;
  core::timestamp created_at, expires_at;
};

// Who changes a token, for its event.
struct token_change_by {
  std::string actor, request_id, user_agent;
};

inline constexpr const char* access_channel = "synclog_access"; // NOTIFY: somebody lost access
// Of create_token: the name cannot be had; the message says why and is meant for people.
inline constexpr std::string_view name_refused_sqlstate = "SL002";

namespace access {

inline constexpr std::int64_t max_listed = 10'000;
inline constexpr std::int64_t max_sessions_a_token = 1'000;
inline constexpr std::int64_t max_tickets_a_token = 1'000; // not yet used or expired

// `wish` is a checked one. No rows come back.
pg::query create_token(const core::token_wish& wish, std::string_view id,
                       const core::sha256_digest& secret_hash, const token_change_by& by);
pg::query revoke_token(std::string_view id_or_name, const token_change_by& by); // -> id, or NULL
pg::query list_tokens();                                                        // -> token rows, newest first
// -> access rows of those that exist. `hashes` of 32 bytes each.
pg::query find_tokens(const std::vector<std::string_view>& hashes);
pg::query find_sessions(const std::vector<std::string_view>& hashes);
// -> one access row when the ticket was good; it is not any more.
pg::query redeem_ticket(const core::sha256_digest& hash);
// -> one row when there was room.
pg::query issue_ticket(const core::sha256_digest& hash, std::string_view token_id,
                       std::string_view session_id, std::int64_t lifetime_s);
pg::query open_session(const core::sha256_digest& hash, std::string_view id, std::string_view token_id,
                       core::timestamp expires_at, std::string_view user_agent);
pg::query close_session(std::string_view id); // -> id when there was one; others hear of it
pg::query list_sessions();                    // -> session rows, newest first
pg::query drop_expired_tickets();
pg::query drop_expired_sessions();
pg::query note_used(const std::vector<std::string_view>& token_ids); // today

// {"id","name","role","branches":[…],"state":"live|expired|revoked","created_at","created_by","expires_at",
// "revoked_at","last_used_on"}: what people are shown of a token.
void append_json(std::string& out, const token_row& token);
void append_json(std::string& out, const session_row& session);

token_row token_of(const pg::rows& rows, int row);
access_row access_of(const pg::rows& rows, int row);
session_row session_of(const pg::rows& rows, int row);

} // namespace access
} // namespace synclog::eventstore
