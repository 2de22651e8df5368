// One fault run: a server under load, killed at moments that follow from a seed, and everything that must
// hold afterwards. Blocking; called from a test's thread.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace synclog::tests::fault {

enum class fault_kind : std::uint8_t {
  server,          // SIGKILL to the server: it comes back and adopts the running PostgreSQL
  database,        // SIGKILL to the postmaster and its children: the server brings it back
  backend,         // SIGKILL to the appending session: PostgreSQL recovers by itself
  both,            // server and database at once
  server_recovers, // database, and the server while it brings it back
};
std::string_view to_string(fault_kind kind);

struct run_options {
  std::string program; // the synclog binary
  std::uint64_t seed = 1;
  int writers = 64;
  int faults = 3;
  std::chrono::seconds back_within{10}; // the promise after each fault
  bool open_snapshot = false;           // a transaction that read the log stays open beside the load
  std::string history_path;             // "" = in memory only
};

struct fault_done {
  fault_kind kind = fault_kind::server;
  std::int64_t at_ms = 0;   // since the load began
  std::int64_t back_ms = 0; // until a write sent afterwards was acknowledged
};

struct run_report {
  std::vector<std::string> problems; // sentences; none = everything held
  std::vector<fault_done> faults;
  std::size_t operations = 0, acknowledged = 0, refused = 0, nothing_saved = 0, unknown = 0;
  std::size_t unanswered_attempts = 0, retried = 0, replayed = 0, events = 0;

  std::string summary() const;
};

// The faults of a seed, in order: at least one of the server and one of the database when there is room for
// two.
std::vector<fault_kind> faults_of(std::uint64_t seed, int count);

run_report run_schedule(const run_options& options);

} // namespace synclog::tests::fault
