// See session.hpp. Under --auth=none everybody is signed in already: the routes answer, and no cookie is
// made.
#include "http/handlers/session.hpp"
#include "core/json.hpp"
#include "eventstore/access_rows.hpp"
#include "http/admin_services.hpp"
#include "http/auth/access_directory.hpp"
#include "http/auth/credentials.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_write.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;
namespace pg = eventstore::pg;
namespace access = eventstore::access;

namespace {

constexpr std::int64_t session_lifetime_s = 7 * 86'400;
constexpr std::int64_t ticket_lifetime_s = 30;
constexpr std::int64_t micros_per_second = 1'000'000;

std::string whoever(const request& asked, std::optional<core::timestamp> expires_at) {
  const auto& caller = asked.caller;
  std::string body = R"({"auth":")";
  body += asked.grant ? "token" : "none";
  body += R"(","actor":)";
  core::json::append_string(body, caller.actor);
  body += fmt::format(R"(,"role":"{}","all_branches":{},"branches":[)", core::to_string(caller.role),
                      caller.all_branches);
  if (!caller.all_branches)
    for (std::size_t index = 0; index < caller.branches.size(); ++index) {
      if (index > 0) body += ',';
      core::json::append_string(body, caller.branches[index]);
    }
  body += fmt::format(R"(],"session":{},"expires_at":)", asked.grant && !asked.grant->session_id.empty());
  body += expires_at ? '"' + core::to_rfc3339(*expires_at) + '"' : std::string("null");
  body += '}';
  return body;
}

response private_answer(unsigned status, std::string body) {
  auto made = json_response(status, std::move(body));
  for (auto& [name, value] : made.headers)
    if (name == "Cache-Control") value = "no-store";
  return made;
}

asio::awaitable<pg::rows> run_one(const services& with, pg::query one, pg::deadline until) {
  pg::segment work;
  work.queries().push_back(std::move(one));
  const bool has_own_pool = with.admin != nullptr && with.admin->access_writes != nullptr;
  auto& pool = has_own_pool ? *with.admin->access_writes : with.reads;
  auto answer = co_await pool.run(std::move(work), until);
  if (answer.failed) throw pg::query_failed(*answer.failed);
  co_return std::move(answer.results.at(0));
}

// The one that a browser still has, when another takes its place or it signs out.
asio::awaitable<void> close_cookie_session(const services& with, const request& asked) {
  const auto hash = auth::session_cookie(asked);
  if (!hash) co_return;
  const std::vector<std::string_view> hashes{{reinterpret_cast<const char*>(hash->data()), hash->size()}};
  auto find = access::find_sessions(hashes);
  const auto found = co_await run_one(with, std::move(find), asked.until);
  if (found.size() == 0) co_return;
  const auto session_id = access::access_of(found, 0).session_id;
  auto close = access::close_session(session_id);
  co_await run_one(with, std::move(close), asked.until);
  with.access->end_session(session_id);
}

std::optional<core::timestamp> end_of(const request& asked) {
  if (!asked.grant || asked.grant->never_expires()) return std::nullopt;
  return asked.grant->expires_at;
}

asio::awaitable<core::result<response>> sign_in(const services& with, const request& asked) {
  if (!asked.grant) co_return private_answer(200, whoever(asked, std::nullopt));
  if (!asked.grant->session_id.empty())
    co_return core::make_problem(core::problem_code::bad_request,
                                 "a session is made of a token: send Authorization: Bearer");
  co_await close_cookie_session(with, asked);
  const auto now = core::now();
  core::timestamp expires_at{now.micros + session_lifetime_s * micros_per_second};
  expires_at = std::min(expires_at, asked.grant->expires_at);
  const auto secret = core::make_secret(core::secret_kind::session);
  auto open = access::open_session(secret.hash, core::make_record_id("SES"), asked.grant->token_id,
                                   expires_at, user_agent_class(asked.header("user-agent")));
  const auto opened = co_await run_one(with, std::move(open), asked.until);
  if (opened.size() == 0)
    co_return core::make_problem(
        core::problem_code::too_many_requests,
        fmt::format("this token has {} sessions: sign out of some", access::max_sessions_a_token));
  auto made = private_answer(201, whoever(asked, expires_at));
  const auto seconds = (expires_at.micros - now.micros) / micros_per_second;
  made.headers.emplace_back("Set-Cookie", auth::cookie_header(asked.https, secret.text, seconds));
  co_return made;
}

asio::awaitable<core::result<response>> make_ticket(const services& with, const request& asked) {
  const auto secret = core::make_secret(core::secret_kind::ticket);
  if (asked.grant) {
    auto issue =
        access::issue_ticket(secret.hash, asked.grant->token_id, asked.grant->session_id, ticket_lifetime_s);
    const auto issued = co_await run_one(with, std::move(issue), asked.until);
    if (issued.size() == 0)
      co_return core::make_problem(
          core::problem_code::too_many_requests,
          fmt::format("this token has {} tickets that were not used", access::max_tickets_a_token));
  }
  co_return private_answer(
      201, fmt::format(R"({{"ticket":"{}","expires_in":{}}})", secret.text, ticket_lifetime_s));
}

asio::awaitable<void> send(responder& answer, core::result<response> made) {
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

} // namespace

asio::awaitable<void> show_session(const services&, const request& asked, responder& answer) {
  if (auto refused = refuse_unknown_parameters(asked, {})) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  auto made = private_answer(200, whoever(asked, end_of(asked)));
  co_await answer.send(std::move(made));
}

asio::awaitable<void> open_session(const services& with, const request& asked, responder& answer) {
  auto made = co_await sign_in(with, asked);
  co_await send(answer, std::move(made));
}

asio::awaitable<void> close_session(const services& with, const request& asked, responder& answer) {
  if (asked.grant) co_await close_cookie_session(with, asked);
  response made{.status = 204, .headers = {}, .body = {}};
  made.headers.emplace_back("Set-Cookie", auth::cookie_header(asked.https, "", 0));
  made.headers.emplace_back("Cache-Control", "no-store");
  co_await answer.send(std::move(made));
}

asio::awaitable<void> issue_ticket(const services& with, const request& asked, responder& answer) {
  auto made = co_await make_ticket(with, asked);
  co_await send(answer, std::move(made));
}

} // namespace synclog::http::handlers
