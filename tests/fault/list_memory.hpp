// Does the list of all rows stream? Loads distributors by bulk POST, restarts the server, and watches its
// resident memory while one client reads all of them. Blocking.
#pragma once
#include "fault/serving.hpp"
#include <cstdint>
#include <functional>
#include <string>

namespace synclog::tests::fault {

struct list_memory_options {
  std::uint64_t rows = 100'000;
  std::uint64_t rows_a_bulk = 20'000;
  std::function<void(std::uint64_t loaded)> on_progress; // may be empty
};

struct list_memory_report {
  std::uint64_t rows_read = 0;
  std::uint64_t bytes_read = 0;
  std::int64_t before_kb = 0; // resident, after a small list has warmed the server
  std::int64_t peak_kb = 0;   // the highest while the list streamed
  double load_seconds = 0;
  double read_seconds = 0;

  std::int64_t growth_kb() const { return peak_kb - before_kb; }
};

// `server` runs; it is restarted between loading and reading, so that memory freed by the load does not hide
// growth. Throws std::runtime_error when an answer is not what it should be.
list_memory_report measure_list_memory(serving& server, const list_memory_options& options);

} // namespace synclog::tests::fault
