// What a login is asked and told, by the server's version.
#include "tools/service_login.hpp"
#include <doctest/doctest.h>

using namespace synclog::tools;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE(
    "service login: a PostgreSQL that tells SET from membership is asked for SET, an older one is not") {
  for (const int version : {140'000, 150'014, 159'999}) {
    CAPTURE(version);
    CHECK(has(service_login_sql(version), "pg_has_role(session_user, r.oid, 'MEMBER')"));
    CHECK(!has(service_login_sql(version), "'SET'"));
    CHECK(stranger_sentence("\"front desk\"", version) ==
          "login \"front desk\" is no member of synclog_app, the role that serves; fix, as the owner of the "
          "log or "
          "a superuser: GRANT synclog_app TO \"front desk\"");
  }
  for (const int version : {160'000, 170'002}) {
    CAPTURE(version);
    CHECK(has(service_login_sql(version), "pg_has_role(session_user, r.oid, 'SET')"));
    CHECK(!has(service_login_sql(version), "'MEMBER'"));
    CHECK(stranger_sentence("front", version) == "login front may not take on synclog_app (SET ROLE), the "
                                                 "role that serves; fix, as the owner of the log "
                                                 "or a superuser: GRANT synclog_app TO front WITH SET TRUE");
  }
}
