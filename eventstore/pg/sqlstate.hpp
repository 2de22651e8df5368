// The one table that maps SQLSTATE to what it means for us.
#pragma once
#include <string_view>

namespace synclog::eventstore::pg {

enum class meaning {
  unique_violation, // 23505
  bad_value,        // 22xxx, other 23xxx, 54xxx: this data cannot be stored
  retry,            // 40001, 40P01, 55P03: another transaction was in the way
  stale_plan,       // 0A000 "cached plan must not change result type", 26000, 42P05: prepare again
  out_of_resources, // 53xxx, 58xxx, 25006: disk full, too many connections, I/O errors, read-only
  shutting_down,    // 57P01, 57P02, 57P03, 57P05
  timed_out,        // 57014, 25P03
  not_allowed,      // 42501, 28xxx
  bug,              // 42xxx and whatever else: our statement is wrong
};

meaning classify(std::string_view sqlstate);
// True when the server itself cannot serve now and a later try may work (out_of_resources, shutting_down,
// timed_out).
bool is_unavailable(std::string_view sqlstate);

} // namespace synclog::eventstore::pg
