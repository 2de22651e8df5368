// See authenticate.hpp.
#include "http/auth/authenticate.hpp"
#include "core/token.hpp"
#include <fmt/format.h>

namespace synclog::http::auth {

namespace asio = boost::asio;

namespace {

asio::awaitable<core::result<admission>> admit(access_directory& directory, const request& asked,
                                               access wanted) {
  const auto shown = read_credential(asked);
  if (!shown) co_return shown.error();
  const auto found = co_await directory.find(*shown);
  if (!found) co_return found.error();
  admission made;
  made.caller = (*found)->caller;
  made.grant = *found;
  made.by_cookie = shown->kind == core::secret_kind::session;
  if (auto refused = refuse_role(made.caller, wanted)) co_return std::move(*refused);
  co_return made;
}

core::problem forbidden(std::string detail) {
  return core::make_problem(core::problem_code::forbidden, std::move(detail));
}

} // namespace

std::optional<core::problem> refuse_role(const core::scope& caller, access wanted) {
  using core::role;
  const bool is_admin = caller.role == role::admin;
  switch (wanted) {
  case access::none:
  case access::read:
    return std::nullopt;
  case access::read_whole:
    if (caller.all_branches) return std::nullopt;
    return forbidden("this tells of all branches, the token is for some of them");
  case access::write:
    if (caller.may_write()) return std::nullopt;
    return forbidden(fmt::format("the role {} does not write", core::to_string(caller.role)));
  // Who administers some branches must not come to more by making a token for himself.
  case access::audit:
    if (!is_admin && caller.role != role::auditor) return forbidden("this is for auditors and admins");
    return refuse_role(caller, access::read_whole);
  case access::admin:
    if (!is_admin) return forbidden("this is for admins");
    return refuse_role(caller, access::read_whole);
  }
  core::invariant_broken("access out of range");
}

authenticator make_authenticator(access_directory& directory) {
  return [&directory](const request& asked, access wanted) { return admit(directory, asked, wanted); };
}

} // namespace synclog::http::auth
