// Tokens for tests of servers that ask for them.
#pragma once
#include "core/token.hpp"
#include "tests/support/server_fixture.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests {

// A server with --auth=token and further arguments, on a database of its own or another server's.
server_options asks_for_tokens(std::vector<std::string> more = {}, const server_fixture* beside = nullptr);

struct test_token {
  std::string id, text;
  http_headers header() const { return {{"Authorization", "Bearer " + text}}; }
  http_headers header_and(std::string_view name, std::string_view value) const {
    auto made = header();
    made.emplace_back(name, value);
    return made;
  }
};

// Written to the database as the subcommand does. `expires_in`: an SQL interval, "" = never.
test_token make_token(const server_fixture& server, std::string_view name, core::role role,
                      const std::vector<std::string>& branches = {}, std::string_view expires_in = "");
void revoke_token(const server_fixture& server, const test_token& token);

// "synclog=sls_…" of an answer's Set-Cookie.
std::string cookie_of(const http_reply& reply);

} // namespace synclog::tests
