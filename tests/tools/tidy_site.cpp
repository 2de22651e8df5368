// See tidy_site.hpp.
#include "tidy_site.hpp"
#include <doctest/doctest.h>

namespace synclog::tests {

test_cluster& tidy_cluster() {
  static test_cluster cluster({.durable = true});
  static const bool made = [] {
    cluster.sql("postgres",
                "CREATE ROLE log_owner LOGIN; CREATE ROLE synclog_app LOGIN; GRANT synclog_app TO log_owner");
    return true;
  }();
  REQUIRE(made);
  return cluster;
}

std::string tidy_database() {
  const std::string name = tidy_cluster().fresh_database();
  tidy_cluster().sql("postgres", "ALTER DATABASE " + name + " OWNER TO log_owner");
  return name;
}

std::string owner_url(const std::string& database) {
  return tidy_cluster().url(database, "log_owner");
}

std::string service_url(const std::string& database) {
  return tidy_cluster().url(database, "synclog_app");
}

} // namespace synclog::tests
