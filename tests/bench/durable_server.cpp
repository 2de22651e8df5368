// See durable_server.hpp.
#include "bench/durable_server.hpp"
#include "bench/run_sql.hpp"
#include <stdexcept>

namespace synclog::tests::bench {

namespace {

constexpr const char* settings[] = {"ALTER SYSTEM SET shared_buffers = '512MB'",
                                    "ALTER SYSTEM SET max_wal_size = '4GB'", "ALTER SYSTEM SET fsync = on",
                                    "ALTER SYSTEM SET synchronous_commit = on"};

} // namespace

void start_with_settings(fault::serving& server) {
  server.start();
  for (const char* statement : settings)
    run_sql(server.conninfo("postgres"), statement);
  if (server.stop() != 0) throw std::runtime_error("the server did not stop: " + server.output_tail());
  server.start();
}

} // namespace synclog::tests::bench
