// See admin_access.hpp. A token is written with its event by a function of the database, in one statement.
#include "http/handlers/admin_access.hpp"
#include "core/json.hpp"
#include "core/token.hpp"
#include "eventstore/access_rows.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "http/admin_services.hpp"
#include "http/auth/access_directory.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/handlers/records_write.hpp"
#include <fmt/format.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;
namespace json = core::json;
namespace pg = eventstore::pg;
namespace access = eventstore::access;

namespace {

constexpr std::int64_t micros_per_second = 1'000'000;

asio::awaitable<pg::segment_result> run_one(pg::pool& pool, pg::query one, pg::deadline until) {
  pg::segment work;
  work.queries().push_back(std::move(one));
  co_return co_await pool.run(std::move(work), until);
}

pg::pool& pool_of_changes(const services& with) {
  return with.admin != nullptr && with.admin->access_writes != nullptr ? *with.admin->access_writes
                                                                       : with.reads;
}

// The problem when the name cannot be had, or not now; anything else that fails is thrown.
std::optional<core::problem> refusal_of(const pg::segment_result& answer) {
  if (!answer.failed) return std::nullopt;
  if (pg::classify(answer.failed->sqlstate) == pg::meaning::retry)
    return core::make_problem(core::problem_code::overloaded,
                              "the log is being changed at the moment: nothing was saved, try again");
  if (answer.failed->sqlstate != eventstore::name_refused_sqlstate) throw pg::query_failed(*answer.failed);
  auto why = core::make_problem(core::problem_code::taken, answer.failed->message);
  why.errors.push_back({"/name", answer.failed->message});
  return why;
}

eventstore::token_change_by changer(const request& asked) {
  return {asked.caller.actor, asked.request_id, std::string(user_agent_class(asked.header("user-agent")))};
}

void read_branches(const json::value& given, core::token_wish& wish, core::problem& why) {
  const bool is_list = given.kind == json::kind::array;
  if (!is_list) why.errors.push_back({"/branches", "is an array of texts; empty: all branches"});
  for (const auto& branch : is_list ? given.items() : std::span<const json::value>()) {
    if (branch.kind == json::kind::string)
      wish.branches.emplace_back(branch.text);
    else
      why.errors.push_back({"/branches", "is an array of texts"});
  }
}

void read_expiry(std::string_view name, const json::value& given, core::timestamp now, core::token_wish& wish,
                 core::problem& why) {
  if (given.kind == json::kind::null) return;
  const auto pointer = "/" + std::string(name);
  const std::string_view text = given.kind == json::kind::string ? given.text : std::string_view();
  if (wish.expires_at) {
    why.errors.push_back({pointer, "expires and expires_at exclude each other"});
  } else if (name == "expires_at") {
    wish.expires_at = core::parse_rfc3339(text);
    if (!wish.expires_at) why.errors.push_back({pointer, "is an RFC 3339 time, or null"});
  } else if (const auto lifetime = core::parse_lifetime_s(text)) {
    wish.expires_at = core::timestamp{now.micros + *lifetime * micros_per_second};
  } else {
    why.errors.push_back({pointer, lifetime.error().detail});
  }
}

core::result<core::token_wish> read_wish(const services& with, const request& asked, core::timestamp now) {
  const auto parsed = json::parse(asked.body, {.max_depth = with.limits.max_json_depth});
  if (!parsed) return parsed.error();
  if (parsed->root().kind != json::kind::object)
    return core::invalid_field("",
                               R"(must be an object: {"name":…,"role":…,"branches":[…],"expires":"90d"})");
  if (!parsed->defects().empty())
    return core::invalid_field(parsed->defects().front().pointer, parsed->defects().front().detail);
  core::token_wish wish;
  auto why = core::make_problem(core::problem_code::invalid, "such a token cannot be made");
  bool has_role = false;
  for (const auto& [name, value] : parsed->root().members()) {
    if (name == "name" && value.kind == json::kind::string) {
      wish.name = value.text;
    } else if (name == "role") {
      const auto role = value.kind == json::kind::string ? core::role_from(value.text) : std::nullopt;
      has_role = role.has_value();
      if (role) wish.role = *role;
    } else if (name == "branches") {
      read_branches(value, wish, why);
    } else if (name == "expires" || name == "expires_at") {
      read_expiry(name, value, now, wish, why);
    } else if (name != "name") {
      why.errors.push_back({"/" + json::pointer_segment(name),
                            "is unknown; known: name, role, branches, expires, expires_at"});
    }
  }
  if (!has_role) why.errors.push_back({"/role", "is one of viewer, editor, auditor, admin"});
  if (!why.errors.empty()) return why;
  return core::checked_wish(std::move(wish), now);
}

asio::awaitable<core::result<response>> answer_create(const services& with, const request& asked) {
  if (auto refused = refuse_unknown_parameters(asked, {})) co_return std::move(*refused);
  const auto form = body_form_of(asked, {.ndjson = false});
  if (!form) co_return form.error();
  const auto now = core::now();
  const auto wish = read_wish(with, asked, now);
  if (!wish) co_return wish.error();
  const auto secret = core::make_secret(core::secret_kind::token);
  eventstore::token_row made;
  made.id = core::make_record_id("TOK");
  made.name = wish->name;
  made.role = wish->role;
  made.branches = wish->branches;
  made.created_at = now;
  made.created_by = asked.caller.actor;
  made.expires_at = wish->expires_at;
  auto create = access::create_token(*wish, made.id, secret.hash, changer(asked));
  const auto created = co_await run_one(pool_of_changes(with), std::move(create), asked.until);
  if (auto refused = refusal_of(created)) co_return std::move(*refused);
  std::string body;
  access::append_json(body, made);
  body.pop_back();
  body += fmt::format(R"(,"token":"{}"}})", secret.text); // the only time
  auto answer = json_response(201, std::move(body));
  answer.headers.emplace_back("Location", "/api/admin/tokens/" + made.id);
  co_return answer;
}

asio::awaitable<core::result<response>> answer_revoke(const services& with, const request& asked) {
  if (auto refused = refuse_unknown_parameters(asked, {})) co_return std::move(*refused);
  auto revoke = access::revoke_token(asked.segments.at(3), changer(asked));
  const auto revoked = co_await run_one(pool_of_changes(with), std::move(revoke), asked.until);
  if (auto refused = refusal_of(revoked)) co_return std::move(*refused);
  const auto& rows = revoked.results.at(0);
  if (rows.size() != 1 || rows.is_null(0, 0))
    co_return core::make_problem(core::problem_code::not_found, "no live token has this id or name");
  const std::string id(rows.text(0, 0));
  if (with.access != nullptr) with.access->end_token(id);
  co_return json_response(200, fmt::format(R"({{"success":true,"id":"{}"}})", id));
}

asio::awaitable<core::result<response>> answer_end(const services& with, const request& asked) {
  if (auto refused = refuse_unknown_parameters(asked, {})) co_return std::move(*refused);
  const auto& id = asked.segments.at(3);
  auto close = access::close_session(id);
  const auto closed = co_await run_one(pool_of_changes(with), std::move(close), asked.until);
  if (closed.failed) throw pg::query_failed(*closed.failed);
  if (closed.results.at(0).size() == 0)
    co_return core::make_problem(core::problem_code::not_found, "no session has this id");
  if (with.access != nullptr) with.access->end_session(id);
  co_return json_response(200, R"({"success":true})");
}

// A row an item of a JSON array.
template <class Read>
asio::awaitable<core::result<response>> answer_all(const services& with, const request& asked, pg::query list,
                                                   Read read) {
  if (auto refused = refuse_unknown_parameters(asked, {})) co_return std::move(*refused);
  const auto listed = co_await run_one(with.reads, std::move(list), asked.until);
  if (listed.failed) throw pg::query_failed(*listed.failed);
  const auto& rows = listed.results.at(0);
  std::string body = "[";
  for (int row = 0; row < rows.size(); ++row) {
    if (row > 0) body += ',';
    access::append_json(body, read(rows, row));
  }
  body += ']';
  co_return json_response(200, std::move(body));
}

// What is said here changes without an ETag and is nobody else's business.
asio::awaitable<void> send(responder& answer, core::result<response> made) {
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  for (auto& [name, value] : sent.headers)
    if (name == "Cache-Control") value = "no-store";
  co_await answer.send(std::move(sent));
}

} // namespace

asio::awaitable<void> list_tokens(const services& with, const request& asked, responder& answer) {
  auto list = access::list_tokens();
  auto made = co_await answer_all(with, asked, std::move(list), &access::token_of);
  co_await send(answer, std::move(made));
}

asio::awaitable<void> create_token(const services& with, const request& asked, responder& answer) {
  auto made = co_await answer_create(with, asked);
  co_await send(answer, std::move(made));
}

asio::awaitable<void> revoke_token(const services& with, const request& asked, responder& answer) {
  auto made = co_await answer_revoke(with, asked);
  co_await send(answer, std::move(made));
}

asio::awaitable<void> list_sessions(const services& with, const request& asked, responder& answer) {
  auto list = access::list_sessions();
  auto made = co_await answer_all(with, asked, std::move(list), &access::session_of);
  co_await send(answer, std::move(made));
}

asio::awaitable<void> end_session(const services& with, const request& asked, responder& answer) {
  auto made = co_await answer_end(with, asked);
  co_await send(answer, std::move(made));
}

} // namespace synclog::http::handlers
