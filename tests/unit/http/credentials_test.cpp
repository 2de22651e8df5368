// What a request shows to be let in.
#include "http/auth/authenticate.hpp"
#include "http/auth/credentials.hpp"
#include <doctest/doctest.h>

using namespace synclog;
using namespace synclog::http;
using core::secret_kind;

namespace {

const auto some_token = core::make_secret(secret_kind::token);
const auto some_session = core::make_secret(secret_kind::session);
const auto some_ticket = core::make_secret(secret_kind::ticket);

request asked_with(header_list headers, std::string path = "/api/clients", parameter_list query = {}) {
  request made;
  made.headers = std::move(headers);
  made.path = std::move(path);
  made.query = std::move(query);
  return made;
}

std::string shown(const request& asked) {
  const auto read = auth::read_credential(asked);
  if (!read) return std::string(core::to_string(read.error().code));
  if (read->kind == secret_kind::token && read->hash == some_token.hash) return "token";
  if (read->kind == secret_kind::session && read->hash == some_session.hash) return "session";
  if (read->kind == secret_kind::ticket && read->hash == some_ticket.hash) return "ticket";
  return "another";
}

} // namespace

TEST_CASE("credentials: a header beats a ticket, which beats the cookie, and a bad one is not passed over") {
  const std::string bearer = "Bearer " + some_token.text, cookie = "a=b; synclog=" + some_session.text;
  CHECK(shown(asked_with({{"authorization", bearer}, {"cookie", cookie}})) == "token");
  CHECK(shown(asked_with({{"cookie", cookie}})) == "session");
  CHECK(shown(asked_with({{"cookie", cookie}}, "/ws", {{"ticket", some_ticket.text}})) == "ticket");
  CHECK(shown(asked_with({{"authorization", bearer}}, "/ws", {{"ticket", some_ticket.text}})) == "token");
  CHECK(shown(asked_with({}, "/ws", {{"ticket", some_ticket.text}})) == "ticket");
  CHECK(shown(asked_with({}, "/api/events", {{"ticket", some_ticket.text}})) == "unauthorized");
  CHECK(shown(asked_with({{"authorization", "Bearer x"}, {"cookie", cookie}})) == "unauthorized");
  CHECK(shown(asked_with({{"cookie", cookie}}, "/ws", {{"ticket", "x"}})) == "unauthorized");
  CHECK(shown(asked_with({})) == "unauthorized");
  // A secret of one kind is none of another.
  CHECK(shown(asked_with({{"authorization", "Bearer " + some_session.text}})) == "unauthorized");
  CHECK(shown(asked_with({{"cookie", "synclog=" + some_token.text}})) == "unauthorized");
  CHECK(shown(asked_with({{"authorization", bearer}, {"authorization", bearer}})) == "bad_request");
}

TEST_CASE("credentials: of the cookies only ours counts, once, and behind https only the host's own") {
  const auto plain = "synclog=" + some_session.text, hosts = "__Host-synclog=" + some_session.text;
  CHECK(shown(asked_with({{"cookie", "xsynclog=1;synclog=" + some_session.text}})) == "session");
  CHECK(shown(asked_with({{"cookie", plain + ";" + plain}})) == "unauthorized");
  CHECK(shown(asked_with({{"cookie", plain}, {"cookie", plain}})) == "unauthorized");
  CHECK(shown(asked_with({{"cookie", hosts}})) == "unauthorized");
  CHECK(shown(asked_with({{"cookie", ";;= ;synclog"}})) == "unauthorized");
  auto behind = asked_with({{"cookie", hosts}});
  behind.https = true;
  CHECK(shown(behind) == "session");
  behind.headers = {{"cookie", plain}};
  CHECK(shown(behind) == "unauthorized");
}

TEST_CASE("credentials: the cookie is closed to scripts and other sites, and taken away without a value") {
  CHECK(auth::cookie_header(false, "x", 60) == "synclog=x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
  CHECK(auth::cookie_header(true, "x", 60) ==
        "__Host-synclog=x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure");
  CHECK(auth::cookie_header(false, "", 60) == "synclog=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
}

TEST_CASE("credentials: a secret in a URL is noticed under any name, other values are not") {
  const auto refused = [](parameter_list query) {
    return auth::refuse_secret_in_url(asked_with({}, "/", std::move(query))).has_value();
  };
  CHECK(refused({{"token", some_token.text}}));
  CHECK(refused({{"q", "x"}, {"whatever", some_session.text}}));
  CHECK(refused({{"access_token", "x"}}));
  CHECK_FALSE(refused({{"ticket", some_ticket.text}}));
  CHECK_FALSE(refused({{"token", "x"}, {"search", "slk_"}}));
}

TEST_CASE("roles: who may what") {
  using core::role;
  const auto may = [](http::access wanted, role as, bool all_branches = true) {
    core::scope caller{"a", as, all_branches, {}};
    return !auth::refuse_role(caller, wanted).has_value();
  };
  CHECK(may(http::access::read, role::viewer, false));
  CHECK_FALSE(may(http::access::read_whole, role::editor, false));
  CHECK(may(http::access::read_whole, role::viewer));
  CHECK_FALSE(may(http::access::write, role::viewer));
  CHECK(may(http::access::write, role::editor, false));
  CHECK_FALSE(may(http::access::write, role::auditor));
  CHECK(may(http::access::write, role::admin));
  CHECK_FALSE(may(http::access::audit, role::editor));
  CHECK(may(http::access::audit, role::auditor));
  CHECK_FALSE(may(http::access::admin, role::auditor));
  CHECK(may(http::access::admin, role::admin));
}
