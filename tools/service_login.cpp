// See service_login.hpp.
#include "tools/service_login.hpp"

#include <fmt/format.h>

namespace synclog::tools {

namespace {

constexpr int first_with_set = 160'000;

} // namespace

std::string service_login_sql(int server_version) {
  return fmt::format(
      "SELECT CASE WHEN session_user = '{0}' THEN 'itself' WHEN pg_has_role(session_user, r.oid, '{1}') "
      "THEN 'member' ELSE 'stranger' END FROM pg_roles r WHERE r.rolname = '{0}'",
      service_role, server_version >= first_with_set ? "SET" : "MEMBER");
}

std::string stranger_sentence(const std::string& login, int server_version) {
  if (server_version >= first_with_set)
    return fmt::format(
        "login {0} may not take on {1} (SET ROLE), the role that serves; fix, as the owner of the "
        "log or a superuser: GRANT {1} TO {0} WITH SET TRUE",
        login, service_role);
  return fmt::format("login {0} is no member of {1}, the role that serves; fix, as the owner of the log or a "
                     "superuser: GRANT {1} TO {0}",
                     login, service_role);
}

} // namespace synclog::tools
