// Secrets, what is kept of them, roles and lifetimes.
#include "core/chain.hpp"
#include "core/token.hpp"

#include <doctest/doctest.h>
#include <set>

using namespace synclog::core;

namespace {

token_wish wish(std::string name, role as = role::editor, std::vector<std::string> branches = {}) {
  token_wish made;
  made.name = std::move(name);
  made.role = as;
  made.branches = std::move(branches);
  return made;
}

constexpr timestamp today{1'795'406'706'123'456};

std::string first_pointer(const result<token_wish>& checked) {
  return checked ? "" : checked.error().errors.at(0).pointer;
}

} // namespace

TEST_CASE("token: 256 random bits behind a prefix that tells what it is, and only its hash is kept") {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto made = make_secret(secret_kind::token);
    CHECK(made.text.size() == 4 + 64);
    CHECK(made.text.starts_with("slk_"));
    CHECK(made.hash == sha256(made.text));
    CHECK(seen.insert(made.text).second);
    CHECK(hash_of_secret(secret_kind::token, made.text) == made.hash);
    CHECK(!hash_of_secret(secret_kind::session, made.text));
    CHECK(!hash_of_secret(secret_kind::ticket, made.text));
  }
}

TEST_CASE("token: what has not the form of one is none") {
  const auto good = make_secret(secret_kind::token).text;
  for (const auto& text : {std::string(), std::string("slk_"), good + "0", good.substr(1), good.substr(0, 67),
                           "slk_" + std::string(64, 'g'), "slk_" + std::string(64, 'A'), " " + good})
    CHECK(!hash_of_secret(secret_kind::token, text));
}

TEST_CASE("token: a hash equals itself and no other") {
  const auto one = sha256("a"), other = sha256("b");
  CHECK(equal_in_constant_time(one, one));
  CHECK(!equal_in_constant_time(one, other));
  auto last = one;
  last.back() ^= 1;
  CHECK(!equal_in_constant_time(one, last));
}

TEST_CASE("token: roles have words, and only who answers for everything sees what becomes of tokens") {
  for (const auto one : {role::viewer, role::editor, role::auditor, role::admin})
    CHECK(role_from(to_string(one)) == one);
  CHECK(!role_from("Admin"));
  CHECK(sees_token_events({"a", role::admin, true, {}}));
  CHECK(sees_token_events({"a", role::auditor, true, {}}));
  CHECK(!sees_token_events({"a", role::editor, true, {}}));
  CHECK(!sees_token_events({"a", role::viewer, true, {}}));
  CHECK(!sees_token_events({"a", role::admin, false, {"north"}}));
}

TEST_CASE("token: lifetimes are a number and a unit, up to ten years") {
  CHECK(*parse_lifetime_s("90d") == 90 * 86'400);
  CHECK(*parse_lifetime_s("12h") == 43'200);
  CHECK(*parse_lifetime_s("30m") == 1'800);
  CHECK(*parse_lifetime_s("1s") == 1);
  CHECK(*parse_lifetime_s("3660d") == 3'660 * 86'400);
  for (const auto* text :
       {"", "d", "0d", "-1d", "90", "90 d", "90D", "1.5h", "3661d", "99999999999999999999d", "1dd"})
    CHECK_MESSAGE(!parse_lifetime_s(text), text);
}

TEST_CASE("token: names are those of people and desks, never of tools or of nobody") {
  CHECK(checked_wish(wish("front-desk"), today).has_value());
  CHECK(checked_wish(wish("Zoë Müller"), today).has_value());
  CHECK(checked_wish(wish(std::string(100, 'x')), today).has_value());
  for (const auto& name :
       {std::string(), std::string(101, 'x'), std::string("a\nb"), std::string("a\x1b[31m"),
        std::string("\xc2\x85"), std::string("\xff"), std::string(" a"), std::string("a "),
        std::string("cli:root"), std::string("import:t"), std::string("anonymous"), std::string("undo"),
        std::string("demo"), std::string("TOK-1")})
    CHECK_MESSAGE(first_pointer(checked_wish(wish(name), today)) == "/name", name);
}

TEST_CASE("token: branches go with viewers and editors, each once; a moment that has passed makes no token") {
  const auto made = checked_wish(wish("a", role::viewer, {"south", "north", "south"}), today);
  REQUIRE(made.has_value());
  CHECK(made->branches == std::vector<std::string>{"north", "south"});
  CHECK(first_pointer(checked_wish(wish("a", role::admin, {"north"}), today)) == "/branches");
  CHECK(first_pointer(checked_wish(wish("a", role::auditor, {"north"}), today)) == "/branches");
  CHECK(first_pointer(checked_wish(wish("a", role::viewer, {""}), today)) == "/branches");
  auto late = wish("a");
  late.expires_at = today;
  CHECK(first_pointer(checked_wish(late, today)) == "/expires_at");
  late.expires_at = timestamp{today.micros + 1};
  CHECK(checked_wish(late, today).has_value());
}
