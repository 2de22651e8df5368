// See access_support.hpp.
#include "access_support.hpp"
#include "core/chain.hpp"
#include "core/ids.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace synclog::tests {

server_options asks_for_tokens(std::vector<std::string> more, const server_fixture* beside) {
  server_options made;
  if (beside != nullptr) {
    made.cluster = &beside->cluster();
    made.database = beside->database();
  }
  made.arguments = std::move(more);
  made.arguments.emplace_back("--auth=token");
  return made;
}

test_token make_token(const server_fixture& server, std::string_view name, core::role role,
                      const std::vector<std::string>& branches, std::string_view expires_in) {
  const auto secret = core::make_secret(core::secret_kind::token);
  test_token made{core::make_record_id("TOK"), secret.text};
  const auto expires =
      expires_in.empty() ? std::string("NULL") : fmt::format("now() + interval '{}'", expires_in);
  server.sql(fmt::format("SELECT synclog.create_token('{}', '{}', '{}', '{{{}}}', '\\x{}', {}, 'test', "
                         R"('{{"actor":"test"}}', substr(sha256(''), 1, 16)))",
                         made.id, name, core::to_string(role), fmt::join(branches, ","),
                         core::to_hex(secret.hash), expires));
  return made;
}

void revoke_token(const server_fixture& server, const test_token& token) {
  server.sql(fmt::format(
      R"(SELECT synclog.revoke_token('{}', '{{"actor":"test"}}', substr(sha256(''), 1, 16)))", token.id));
}

std::string cookie_of(const http_reply& reply) {
  const auto cookie = reply.header("set-cookie");
  return cookie.substr(0, cookie.find(';'));
}

} // namespace synclog::tests
