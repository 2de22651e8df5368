// See access_rows.hpp. Results come as text: moments as microseconds, branches as JSON.
#include "eventstore/access_rows.hpp"
#include "core/bytes.hpp"
#include "core/chain.hpp"
#include "core/json.hpp"
#include <memory>

namespace synclog::eventstore {

namespace {

namespace json = core::json;

using statement_ptr = std::shared_ptr<const pg::statement>;

statement_ptr named(const char* name, std::string sql) {
  return std::make_shared<const pg::statement>(pg::statement{name, std::move(sql)});
}

std::string micros(std::string_view column) {
  return "(extract(epoch FROM " + std::string(column) + ") * 1000000)::bigint";
}

constexpr int token_columns = 10; // of the list below
std::string token_columns_sql() {
  return "t.id, t.name, t.role, array_to_json(t.branches)::text, " + micros("t.created_at") +
         ", t.created_by, " + micros("t.expires_at") + ", " + micros("t.revoked_at") +
         ", t.last_used_on::text, (t.revoked_at IS NOT NULL OR coalesce(t.expires_at <= now(), false))";
}
// Behind them: the hash, the session, its end, whether it has ended.
const std::string no_session = ", t.secret_hash, NULL::text, NULL::bigint, false";
std::string session_columns_sql() {
  return ", s.secret_hash, s.id, " + micros("s.expires_at") + ", s.expires_at <= now()";
}

const statement_ptr create_statement = named("access_create_token", R"(
  SELECT synclog.create_token($1::text, $2::text, $3::text, $4::text[], $5::bytea,
    to_timestamp(0) + $6::bigint * interval '1 microsecond', $7::text, $8::json, $9::bytea))");
const statement_ptr revoke_statement =
    named("access_revoke_token", "SELECT synclog.revoke_token($1::text, $2::json, $3::bytea)");
const statement_ptr list_tokens_statement =
    named("access_list_tokens",
          "SELECT " + token_columns_sql() +
              " FROM synclog.tokens t ORDER BY t.created_at DESC, t.id DESC LIMIT $1::bigint");
const statement_ptr find_tokens_statement =
    named("access_find_tokens", "SELECT " + token_columns_sql() + no_session +
                                    " FROM synclog.tokens t WHERE t.secret_hash = ANY($1::bytea[])");
const statement_ptr find_sessions_statement =
    named("access_find_sessions", "SELECT " + token_columns_sql() + session_columns_sql() +
                                      " FROM synclog.sessions s JOIN synclog.tokens t ON t.id = s.token_id"
                                      " WHERE s.secret_hash = ANY($1::bytea[])");
const statement_ptr redeem_statement = named(
    "access_redeem_ticket",
    "WITH used AS (DELETE FROM synclog.tickets k WHERE k.secret_hash = $1::bytea"
    " RETURNING k.token_id, k.session_id, k.expires_at) SELECT " +
        token_columns_sql() + ", coalesce(s.secret_hash, t.secret_hash), s.id, " + micros("s.expires_at") +
        ", coalesce(s.expires_at <= now(), false) FROM used u JOIN synclog.tokens t ON t.id = u.token_id"
        " LEFT JOIN synclog.sessions s ON s.id = u.session_id"
        " WHERE u.expires_at > now() AND (u.session_id IS NULL OR s.id IS NOT NULL)");
const statement_ptr issue_statement = named("access_issue_ticket", R"(
  INSERT INTO synclog.tickets (secret_hash, token_id, session_id, expires_at)
  SELECT $1::bytea, $2::text, nullif($3::text, ''), now() + $4::bigint * interval '1 second'
  WHERE (SELECT count(*) FROM synclog.tickets k WHERE k.token_id = $2::text AND k.expires_at > now()) < $5::bigint
  RETURNING token_id)");
const statement_ptr open_session_statement = named("access_open_session", R"(
  INSERT INTO synclog.sessions (id, token_id, secret_hash, expires_at, user_agent)
  SELECT $1::text, $2::text, $3::bytea, to_timestamp(0) + $4::bigint * interval '1 microsecond', $5::text
  WHERE (SELECT count(*) FROM synclog.sessions s WHERE s.token_id = $2::text AND s.expires_at > now()) < $6::bigint
  RETURNING id)");
const statement_ptr close_session_statement = named("access_close_session", R"(
  WITH closed AS (DELETE FROM synclog.sessions WHERE id = $1::text RETURNING id)
  SELECT id, pg_notify('synclog_access', '')::text FROM closed)");
const statement_ptr list_sessions_statement =
    named("access_list_sessions",
          "SELECT s.id, s.token_id, t.name, s.user_agent, " + micros("s.created_at") + ", " +
              micros("s.expires_at") +
              " FROM synclog.sessions s JOIN synclog.tokens t ON t.id = s.token_id WHERE s.expires_at > now()"
              " ORDER BY s.created_at DESC, s.id DESC LIMIT $1::bigint");
const statement_ptr drop_tickets_statement =
    named("access_drop_tickets", "DELETE FROM synclog.tickets WHERE expires_at < now()");
const statement_ptr drop_sessions_statement =
    named("access_drop_sessions", "DELETE FROM synclog.sessions WHERE expires_at < now()");
const statement_ptr note_used_statement = named("access_note_used", R"(
  UPDATE synclog.tokens SET last_used_on = current_date
  WHERE id = ANY($1::text[]) AND last_used_on IS DISTINCT FROM current_date)");

pg::query query_of(const statement_ptr& statement, pg::params values = {}) {
  pg::query made;
  made.prepared = statement;
  made.values = std::move(values);
  return made;
}

using core::bytes_of;

std::string meta_of(const token_change_by& by) {
  std::string meta = R"({"actor":)";
  json::append_string(meta, by.actor);
  const auto append = [&meta](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    meta.append(name);
    json::append_string(meta, value);
  };
  append(R"(,"request_id":)", by.request_id);
  append(R"(,"user_agent":)", by.user_agent);
  meta += '}';
  return meta;
}

std::string fresh_salt() {
  constexpr std::size_t salt_bytes = 16;
  std::string salt(salt_bytes, '\0');
  core::fill_random(reinterpret_cast<unsigned char*>(salt.data()), salt.size());
  return salt;
}

std::optional<core::timestamp> moment_at(const pg::rows& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return core::timestamp{rows.int8(row, column)};
}

void append_text(std::string& out, std::string_view name, std::string_view text) {
  out.append(name);
  json::append_string(out, text);
}

void append_moment(std::string& out, std::string_view name, const std::optional<core::timestamp>& moment) {
  out.append(name);
  if (!moment) {
    out += "null";
    return;
  }
  out += '"';
  core::append_rfc3339(out, *moment);
  out += '"';
}

std::string text_at(const pg::rows& rows, int row, int column) {
  return rows.is_null(row, column) ? std::string() : std::string(rows.text(row, column));
}

} // namespace

core::scope scope_of(const token_row& token) {
  core::scope made;
  made.actor = token.name;
  made.role = token.role;
  made.all_branches = token.branches.empty();
  made.branches = token.branches;
  return made;
}

std::string_view state_of(const token_row& token) {
  if (token.revoked_at) return "revoked";
  return token.ended ? "expired" : "live";
}

namespace access {

void append_json(std::string& out, const token_row& token) {
  append_text(out, R"({"id":)", token.id);
  append_text(out, R"(,"name":)", token.name);
  append_text(out, R"(,"role":)", core::to_string(token.role));
  out += R"(,"branches":[)";
  for (std::size_t index = 0; index < token.branches.size(); ++index)
    append_text(out, index == 0 ? "" : ",", token.branches[index]);
  append_text(out, R"(],"state":)", state_of(token));
  append_moment(out, R"(,"created_at":)", token.created_at);
  append_text(out, R"(,"created_by":)", token.created_by);
  append_moment(out, R"(,"expires_at":)", token.expires_at);
  append_moment(out, R"(,"revoked_at":)", token.revoked_at);
  if (token.last_used_on.empty())
    out += R"(,"last_used_on":null)";
  else
    append_text(out, R"(,"last_used_on":)", token.last_used_on);
  out += '}';
}

void append_json(std::string& out, const session_row& session) {
  append_text(out, R"({"id":)", session.id);
  append_text(out, R"(,"token_id":)", session.token_id);
  append_text(out, R"(,"name":)", session.token_name);
  append_text(out, R"(,"user_agent":)", session.user_agent);
  append_moment(out, R"(,"created_at":)", session.created_at);
  append_moment(out, R"(,"expires_at":)", session.expires_at);
  out += '}';
}

pg::query create_token(const core::token_wish& wish, std::string_view id,
                       const core::sha256_digest& secret_hash, const token_change_by& by) {
  const std::vector<std::string_view> branches(wish.branches.begin(), wish.branches.end());
  pg::params values;
  values.text(id).text(wish.name).text(core::to_string(wish.role)).text_array(branches);
  values.bytea(bytes_of(secret_hash));
  if (wish.expires_at)
    values.int8(wish.expires_at->micros);
  else
    values.null();
  values.text(by.actor).text(meta_of(by)).bytea(fresh_salt());
  return query_of(create_statement, std::move(values));
}

pg::query revoke_token(std::string_view id_or_name, const token_change_by& by) {
  return query_of(revoke_statement,
                  std::move(pg::params().text(id_or_name).text(meta_of(by)).bytea(fresh_salt())));
}

pg::query list_tokens() {
  return query_of(list_tokens_statement, std::move(pg::params().int8(max_listed)));
}

pg::query find_tokens(const std::vector<std::string_view>& hashes) {
  return query_of(find_tokens_statement, std::move(pg::params().bytea_array(hashes)));
}

pg::query find_sessions(const std::vector<std::string_view>& hashes) {
  return query_of(find_sessions_statement, std::move(pg::params().bytea_array(hashes)));
}

pg::query redeem_ticket(const core::sha256_digest& hash) {
  return query_of(redeem_statement, std::move(pg::params().bytea(bytes_of(hash))));
}

pg::query issue_ticket(const core::sha256_digest& hash, std::string_view token_id,
                       std::string_view session_id, std::int64_t lifetime_s) {
  pg::params values;
  values.bytea(bytes_of(hash)).text(token_id).text(session_id).int8(lifetime_s).int8(max_tickets_a_token);
  return query_of(issue_statement, std::move(values));
}

pg::query open_session(const core::sha256_digest& hash, std::string_view id, std::string_view token_id,
                       core::timestamp expires_at, std::string_view user_agent) {
  pg::params values;
  values.text(id).text(token_id).bytea(bytes_of(hash)).int8(expires_at.micros).text(user_agent);
  values.int8(max_sessions_a_token);
  return query_of(open_session_statement, std::move(values));
}

pg::query close_session(std::string_view id) {
  return query_of(close_session_statement, std::move(pg::params().text(id)));
}

pg::query list_sessions() {
  return query_of(list_sessions_statement, std::move(pg::params().int8(max_listed)));
}

pg::query drop_expired_tickets() {
  return query_of(drop_tickets_statement);
}

pg::query drop_expired_sessions() {
  return query_of(drop_sessions_statement);
}

pg::query note_used(const std::vector<std::string_view>& token_ids) {
  return query_of(note_used_statement, std::move(pg::params().text_array(token_ids)));
}

token_row token_of(const pg::rows& rows, int row) {
  token_row made;
  made.id = text_at(rows, row, 0);
  made.name = text_at(rows, row, 1);
  const auto role = core::role_from(rows.text(row, 2));
  const auto branches = json::parse(rows.text(row, 3));
  if (!role || !branches) core::invariant_broken("synclog.tokens holds a row that its constraints refuse");
  made.role = *role;
  for (const auto& branch : branches->root().items())
    made.branches.emplace_back(branch.text);
  made.created_at = {rows.int8(row, 4)};
  made.created_by = text_at(rows, row, 5);
  made.expires_at = moment_at(rows, row, 6);
  made.revoked_at = moment_at(rows, row, 7);
  made.last_used_on = text_at(rows, row, 8);
  made.ended = rows.boolean(row, 9);
  return made;
}

access_row access_of(const pg::rows& rows, int row) {
  access_row made;
  made.token = token_of(rows, row);
  made.secret_hash = rows.bytea(row, token_columns);
  made.session_id = text_at(rows, row, token_columns + 1);
  const auto session_ends = moment_at(rows, row, token_columns + 2);
  made.expires_at = made.token.expires_at;
  if (session_ends && (!made.expires_at || *session_ends < *made.expires_at)) made.expires_at = session_ends;
  made.ended = made.token.ended || rows.boolean(row, token_columns + 3);
  return made;
}

session_row session_of(const pg::rows& rows, int row) {
  session_row made;
  made.id = text_at(rows, row, 0);
  made.token_id = text_at(rows, row, 1);
  made.token_name = text_at(rows, row, 2);
  made.user_agent = text_at(rows, row, 3);
  made.created_at = {rows.int8(row, 4)};
  made.expires_at = {rows.int8(row, 5)};
  return made;
}

} // namespace access
} // namespace synclog::eventstore
