// What the wrapper tests share: a connection to the shared cluster, statements, deadlines.
#pragma once
#include "eventstore/pg/connection.hpp"
#include "support/cluster.hpp"
#include "support/wait.hpp"
#include <atomic>
#include <chrono>
#include <memory>
#include <string>

namespace synclog::tests {

namespace pg = synclog::eventstore::pg;
namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::asio::awaitable;

inline pg::deadline in(std::chrono::milliseconds time) {
  return pg::clock::now() + time;
}

inline std::shared_ptr<const pg::statement> statement(std::string name, std::string sql) {
  return std::make_shared<pg::statement>(pg::statement{std::move(name), std::move(sql)});
}

inline pg::connect_options at(const std::string& conninfo) {
  pg::connect_options out;
  out.conninfo = conninfo;
  return out;
}

inline pg::connect_options to(const test_cluster& cluster, const std::string& database = "postgres") {
  return at(cluster.conninfo(database));
}

inline std::shared_ptr<pg::connection> connect(io_threads& threads, const pg::connect_options& options) {
  return threads.run(pg::connection::open(threads.executor(), options, in(20s)));
}

inline std::shared_ptr<pg::connection> connect(io_threads& threads) {
  return connect(threads, to(test_cluster::shared()));
}

// One segment from the test's own thread.
inline pg::segment_result run(io_threads& threads, pg::connection& one, pg::segment work,
                              std::chrono::milliseconds patience = 20s) {
  return threads.run(one.run(std::move(work), in(patience)));
}

inline pg::segment_result run_sql(io_threads& threads, pg::connection& one, const std::string& sql) {
  pg::segment work;
  work.add_sql(sql);
  return run(threads, one, std::move(work));
}

// Closed for good, the socket too.
inline bool close_and_wait(const std::shared_ptr<pg::connection>& one) {
  const auto closed = std::make_shared<std::atomic<bool>>(false);
  one->on_close([closed] { *closed = true; });
  one->close();
  return wait_until([closed] { return closed->load(); });
}

} // namespace synclog::tests
