// The cluster of a site that gives each his own login: log_owner owns the databases and may not make roles,
// synclog_app serves, and neither is a superuser. One for the whole test process.
#pragma once
#include "tests/support/cluster.hpp"
#include <string>

namespace synclog::tests {

test_cluster& tidy_cluster();

// A new one, empty; its name.
std::string tidy_database();

std::string owner_url(const std::string& database);
std::string service_url(const std::string& database);

} // namespace synclog::tests
