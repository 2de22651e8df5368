// One request of a connection: what is checked before its body, its handler, and what becomes of failures.
#include "eventstore/pg/sqlstate.hpp"
#include "eventstore/pg/types.hpp"
#include "http/ascii.hpp"
#include "http/auth/credentials.hpp"
#include "http/auth/grant.hpp"
#include "http/problem_response.hpp"
#include "http/query_string.hpp"
#include "http/request_id.hpp"
#include "http/session.hpp"
#include <spdlog/spdlog.h>

namespace synclog::http {
namespace {

using code = core::problem_code;

constexpr std::size_t discarded_body_bytes =
    64u << 10; // a refused request's body up to this is read, to keep the connection

core::problem problem_of_exception(const std::exception& caught, std::string_view request_id) {
  namespace pg = eventstore::pg;
  if (dynamic_cast<const pg::unavailable*>(&caught) != nullptr) {
    spdlog::warn("request {}: database unavailable: {}", request_id, printable(caught.what()));
    return core::make_problem(code::database_unavailable,
                              "the database cannot be reached at the moment: nothing was saved");
  }
  if (const auto* failed = dynamic_cast<const pg::query_failed*>(&caught)) {
    const auto& info = failed->info();
    if (pg::classify(info.sqlstate) == pg::meaning::timed_out) {
      spdlog::warn("request {}: a statement was given up: {}", request_id, printable(info.message));
      return core::make_problem(code::overloaded,
                                "this takes the database too long: ask for less, or try again");
    }
    spdlog::error("request {}: statement failed: {} {} (constraint '{}')", request_id, info.sqlstate,
                  printable(info.message), info.constraint);
    if (pg::is_unavailable(info.sqlstate)) {
      return core::make_problem(code::database_unavailable,
                                "the database cannot serve at the moment: nothing was saved");
    }
    return core::make_problem(code::internal, "");
  }
  spdlog::error("request {}: {}", request_id, printable(caught.what()));
  return core::make_problem(code::internal, "");
}

// A page may be signed in as somebody else by now than when it kept what it sends. (Where nobody is asked who
// they are, nobody is somebody else.)
std::optional<core::problem> refuse_other_actor(const request& asked, const core::scope& caller) {
  for (const auto& [name, value] : asked.headers) {
    if (name != "synclog-actor" || value == caller.actor) continue;
    // Names that a header cannot hold come as they would in a URL.
    const auto decoded = parse_query("actor=" + value);
    if (decoded && decoded->size() == 1 && decoded->front().second == caller.actor) continue;
    return core::make_problem(code::unauthorized, "Synclog-Actor names another actor than the one who is "
                                                  "signed in: nothing was done");
  }
  return std::nullopt;
}

} // namespace

// Everything that can be said before the body, in this order: target, Host, Origin, route.
std::optional<core::problem> session::examine() {
  exchange& current = *exchange_;
  request& asked = current.parser->request();
  if (current.parser->target().size() > context_->limits.max_target_bytes) {
    current.keep_alive = false; // as when it is so long that it is not read to its end
    return core::make_problem(code::uri_too_long, "the URL is longer than " +
                                                      std::to_string(context_->limits.max_target_bytes) +
                                                      " bytes");
  }
  auto target = parse_target(current.parser->target());
  if (!target) return target.error();
  asked.path = std::move(target->path);
  asked.segments = std::move(target->segments);
  asked.raw_query = std::move(target->raw_query);
  asked.query = std::move(target->query);

  std::string_view host = asked.header("host");
  if (!target->authority.empty()) {
    if (!host.empty() && !equals_ignoring_case(host, target->authority)) {
      return core::make_problem(code::bad_request, "the Host header and the host of the URL differ");
    }
    host = target->authority;
  }
  // Only HTTP/1.0 may come without; no browser does.
  if (!host.empty() || current.parser->is_http_1_1()) {
    if (auto refused = context_->guard.check_host(host)) {
      current.keep_alive = false;
      return refused;
    }
  }
  if (auto refused = context_->guard.check_origin(asked, host)) {
    current.keep_alive = false;
    return refused;
  }
  asked.https = context_->guard.is_https(host);
  current.strict_transport = context_->guard.is_strict(host);
  current.cors_origin = context_->guard.cors_origin(asked.header("origin"));
  return locate();
}

std::optional<core::problem> session::locate() {
  exchange& current = *exchange_;
  const request& asked = current.parser->request();
  const bool unknown_method = !current.parser->unknown_method().empty();
  if (asked.path == "*") {
    if (!unknown_method && asked.method == method::options) return std::nullopt;
    return core::make_problem(code::bad_request, "'*' is for OPTIONS alone");
  }
  current.target = context_->routes.find(asked.segments, asked.method);
  if (current.target.allowed == 0)
    return core::make_problem(code::not_found, "there is nothing at this path");
  if (!unknown_method && asked.method == method::options) return std::nullopt;
  if (unknown_method || current.target.found == nullptr) {
    current.target.found = nullptr;
    return core::make_problem(code::method_not_allowed,
                              "allowed here: " + allow_header(current.target.allowed));
  }
  return examine_body_headers();
}

std::optional<core::problem> session::examine_body_headers() const {
  const exchange& current = *exchange_;
  const request& asked = current.parser->request();
  const std::string_view coding = asked.header("content-encoding");
  if (!coding.empty() && !equals_ignoring_case(coding, "identity")) {
    return core::make_problem(code::unsupported_media, "bodies are taken without Content-Encoding");
  }
  const auto declared = current.parser->declared_bytes();
  if (declared && *declared > context_->limits.max_body_bytes) {
    return core::make_problem(code::too_large, "the body is larger than " +
                                                   std::to_string(context_->limits.max_body_bytes) +
                                                   " bytes");
  }
  if (declared &&
      *declared + context_->bodies.used.load(std::memory_order_relaxed) > context_->limits.max_bodies_bytes) {
    context_->part_with_slow(waiting::reason::body,
                             session_context::most_slow); // whoever comes again may find room
    return core::make_problem(code::overloaded, "too many bodies are being received at once: try again");
  }
  const std::string_view expected = asked.header("expect");
  if (!expected.empty() && !equals_ignoring_case(expected, "100-continue")) {
    return core::make_problem(code::bad_request, "the only expectation met is 100-continue");
  }
  return std::nullopt;
}

boost::asio::awaitable<std::optional<core::problem>> session::authenticate() {
  exchange& current = *exchange_;
  if (!context_->authenticate || current.target.found == nullptr) co_return std::nullopt;
  request& asked = current.parser->request();
  if (auto refused = auth::refuse_secret_in_url(asked)) co_return refused;
  if (current.target.found->access == access::none) co_return std::nullopt;
  try {
    auto admitted = co_await context_->authenticate(asked, current.target.found->access);
    if (!admitted) co_return admitted.error();
    if (auto refused = refuse_other_actor(asked, admitted->caller)) co_return refused;
    if (admitted->by_cookie) {
      if (auto refused = context_->guard.check_cookie_origin(asked, asked.header("host"))) co_return refused;
    }
    asked.caller = std::move(admitted->caller);
    asked.grant = admitted->grant;
    current.grant = std::move(admitted->grant);
    co_return std::nullopt;
  } catch (const std::exception& caught) {
    co_return problem_of_exception(caught, asked.request_id);
  }
}

// Settles what the request is counted under: its token, or its address when it shows none that is good. What
// a caller sends too fast is answered 429 whatever it is.
std::optional<response> session::refuse_hurry() {
  request& asked = exchange_->parser->request();
  asked.quotas = context_->quotas;
  // Two letters, so that no token is an address.
  if (asked.grant)
    asked.account = "t" + asked.grant->token_id;
  else if (auto key = context_->proxies.key_of_request(from_.address, asked); !key.empty())
    asked.account = "a" + key;
  if (asked.account.empty()) return std::nullopt;
  const auto wait = context_->quotas->requests.take(asked.account, 1, clock::now());
  if (wait == clock::duration::zero()) return std::nullopt;
  return come_again(core::make_problem(code::too_many_requests, "this caller asks too much at once"), wait);
}

boost::asio::awaitable<void> session::serve() {
  exchange& current = *exchange_;
  auto problem = examine();
  if (!problem) problem = co_await authenticate();
  std::optional<response> refusal = refuse_hurry();
  if (!refusal && problem) refusal = answer_of(*problem);
  if (refusal && !current.parser->done()) {
    // Reading on is worth it only for a small body that is on its way anyway.
    const auto declared = current.parser->declared_bytes();
    const bool small =
        declared && *declared <= discarded_body_bytes && current.parser->request().header("expect").empty();
    if (!small || !current.keep_alive) {
      current.keep_alive = false;
      dirty_ = true;
      co_await refuse_with(std::move(*refusal));
      co_return;
    }
  }
  if (!current.parser->done()) {
    // A refused request is owed nothing but its answer.
    auto failed = co_await read_body(refusal ? waiting::reason::first_request : waiting::reason::body);
    if (failed) {
      current.keep_alive = false;
      dirty_ = true;
      if (!refusal) refusal = answer_of(*failed);
    }
  }
  current.body_bytes = current.parser->request().body.size();
  if (refusal)
    co_await refuse_with(std::move(*refusal));
  else
    co_await call_handler();
}

response session::answer_of(const core::problem& why) const {
  response answer = to_response(why);
  if (why.code == code::method_not_allowed)
    answer.headers.emplace_back("Allow", allow_header(exchange_->target.allowed));
  return answer;
}

boost::asio::awaitable<void> session::refuse_request(core::problem why) {
  auto answer = answer_of(why);
  co_await refuse_with(std::move(answer));
}

boost::asio::awaitable<void> session::refuse_with(response answer) {
  disarm();
  exchange& current = *exchange_;
  if (current.parser->request().request_id.empty())
    current.parser->request().request_id = choose_request_id({});
  co_await send(std::move(answer));
}

boost::asio::awaitable<void> session::call_handler() {
  disarm();
  exchange& current = *exchange_;
  request& asked = current.parser->request();
  asked.until = clock::now() + context_->limits.request_deadline;
  if (asked.method == method::options) {
    response answer{.status = 204, .headers = {}, .body = {}};
    if (current.target.allowed != 0)
      answer.headers.emplace_back("Allow", allow_header(current.target.allowed));
    current.is_preflight =
        current.cors_origin != nullptr && !asked.header("access-control-request-method").empty();
    co_await send(std::move(answer));
    co_return;
  }
  if (asked.method == method::get || asked.method == method::head) current.parser->drop_body();
  if (current.target.found->pace == pace::waits && !output_.empty()) co_await flush();
  // Whatever was done could not be answered.
  if (broken_) throw boost::system::system_error(boost::asio::error::connection_reset);
  std::optional<core::problem> failed;
  try {
    co_await context_->dispatch(*current.target.found, asked, *this);
  } catch (const std::exception& caught) {
    if (broken_ || taken_) throw;
    failed = problem_of_exception(caught, asked.request_id);
  }
  if (taken_ || stream_ || current.finished) {
    if (failed && !taken_) current.keep_alive = false;
    co_return;
  }
  if (current.begun) {
    // Half an answer: the client must not take it for a whole one.
    abort();
    co_return;
  }
  if (!failed) {
    spdlog::error("request {}: the handler of {} gave no answer", asked.request_id,
                  current.target.found->pattern);
    failed = core::make_problem(code::internal, "");
  }
  co_await refuse_request(std::move(*failed));
}

} // namespace synclog::http
