// Five characters in, a meaning out: exact codes first, then classes (the first two characters).
#include "eventstore/pg/sqlstate.hpp"
#include <algorithm>
#include <array>
#include <utility>

namespace synclog::eventstore::pg {

namespace {

using entry = std::pair<std::string_view, meaning>;

constexpr std::array exact_codes{
    entry{"23505", meaning::unique_violation}, // unique_violation
    entry{"40001", meaning::retry},            // serialization_failure
    entry{"40P01", meaning::retry},            // deadlock_detected
    entry{"55P03", meaning::retry},            // lock_not_available
    entry{"0A000", meaning::stale_plan},    // feature_not_supported: cached plan must not change result type
    entry{"26000", meaning::stale_plan},    // invalid_sql_statement_name
    entry{"42P05", meaning::stale_plan},    // duplicate_prepared_statement
    entry{"57P01", meaning::shutting_down}, // admin_shutdown
    entry{"57P02", meaning::shutting_down}, // crash_shutdown
    entry{"57P03", meaning::shutting_down}, // cannot_connect_now
    entry{"57P05", meaning::shutting_down}, // idle_session_timeout
    entry{"57014", meaning::timed_out},     // query_canceled: statement_timeout
    entry{"25P03", meaning::timed_out},     // idle_in_transaction_session_timeout
    entry{"42501", meaning::not_allowed},   // insufficient_privilege
    entry{"25006", meaning::out_of_resources}, // read_only_sql_transaction: a standby, or set read-only
};

constexpr std::array classes{
    entry{"22", meaning::bad_value},        // data_exception
    entry{"23", meaning::bad_value},        // integrity_constraint_violation
    entry{"54", meaning::bad_value},        // program_limit_exceeded: an index row too large
    entry{"53", meaning::out_of_resources}, // insufficient_resources
    entry{"58", meaning::out_of_resources}, // system_error: I/O
    entry{"28", meaning::not_allowed},      // invalid_authorization_specification
};

} // namespace

meaning classify(std::string_view sqlstate) {
  const auto matches = [](std::string_view code) {
    return [code](const entry& one) { return one.first == code; };
  };
  const auto exact = std::find_if(exact_codes.begin(), exact_codes.end(), matches(sqlstate));
  if (exact != exact_codes.end()) return exact->second;
  const auto by_class = std::find_if(classes.begin(), classes.end(), matches(sqlstate.substr(0, 2)));
  if (sqlstate.size() == 5 && by_class != classes.end()) return by_class->second;
  return meaning::bug;
}

bool is_unavailable(std::string_view sqlstate) {
  switch (classify(sqlstate)) {
  case meaning::out_of_resources:
  case meaning::shutting_down:
  case meaning::timed_out:
    return true;
  default:
    return false;
  }
}

} // namespace synclog::eventstore::pg
