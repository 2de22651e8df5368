// The log as it stands in the database, reduced to what the checker compares with a history. Blocking.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace synclog::tests::fault {

struct logged_event {
  std::int64_t position = 0;
  std::string entity;
  std::string record_id;
  std::int64_t version = 0;
  std::string action;
  std::string key;       // meta's idempotency_key
  std::string cursor;    // of its stored hash
  bool has_mark = false; // the key is also inside the data
};

// In the order of positions. Throws std::runtime_error with PostgreSQL's words.
std::vector<logged_event> read_log(const std::string& conninfo);

} // namespace synclog::tests::fault
