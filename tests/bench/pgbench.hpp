// The other side of the append measurement: pgbench inserting one row a transaction into a table of the same
// shape, in the same database. Blocking; uses psql-like access through libpq.
#pragma once
#include <string>

namespace synclog::tests::bench {

struct pgbench_options {
  std::string folder; // for the script
  std::string host;   // of the socket
  std::string user;
  int connections = 64;
  int threads = 2;
  int seconds = 5;
  bool with_reference = false;
};

// Runs statements on one connection; the first value of the last result. Throws std::runtime_error.
std::string run_sql(const std::string& conninfo, const std::string& statements);

// CREATE TABLE bench.clients (LIKE public.clients INCLUDING ALL).
void make_bench_table(const std::string& conninfo);

struct pgbench_result {
  double rate = 0;       // transactions a second, without the time to connect
  double latency_ms = 0; // average
};
pgbench_result run_pgbench(const pgbench_options& options);

} // namespace synclog::tests::bench
