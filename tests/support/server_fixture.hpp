// A real `synclog serve` for tests: its own database on a throwaway cluster that is durable, as the server
// demands, a free port of 127.0.0.1, and gone with the object. Blocking; one thread at a time calls a given
// object.
#pragma once
#include "tests/support/cluster.hpp"
#include "tests/support/http_client.hpp"
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace synclog::tests {

struct server_options {
  test_cluster* cluster = nullptr;      // null: durable_cluster()
  std::string database{};               // "": a fresh, migrated one
  std::vector<std::string> arguments{}; // behind `serve --listen … --database-url …`
  std::string binary{};                 // "": the synclog beside this test program
};

class server_fixture {
 public:
  // Returns when the server listens; throws std::runtime_error with what it printed when it does not within
  // 30 s.
  explicit server_fixture(server_options options = {});
  ~server_fixture();
  server_fixture(const server_fixture&) = delete;
  server_fixture& operator=(const server_fixture&) = delete;

  // One for the whole test process, for tests that leave it running and do not count its events.
  static server_fixture& shared();

  void start();     // after stop() or kill9(): the same database, another port
  void terminate(); // SIGTERM without waiting
  // Waits for the end after terminate(): the exit code, or 128 + signal. Throws after 30 s.
  int wait_stopped();
  int stop() {
    terminate();
    return wait_stopped();
  }
  void kill9();
  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }

  std::uint16_t port() const { return port_; }
  const std::string& database() const { return options_.database; }
  test_cluster& cluster() const { return *options_.cluster; }
  std::string database_url() const;
  // What the server printed, both streams.
  std::string output() const;

  http_client connect() const { return http_client(port_); }
  // One request over a connection of its own.
  http_reply request(std::string_view method, std::string_view target, const http_headers& headers = {},
                     std::string_view body = {}) const;
  http_reply get(std::string_view target, const http_headers& headers = {}) const;
  // A JSON body.
  http_reply post(std::string_view target, std::string_view body, http_headers headers = {}) const;

  // The first value of a statement on the server's database, as superuser.
  std::string sql(const std::string& statement) const;
  std::int64_t event_count() const;

 private:
  void read_port();

  server_options options_;
  std::string log_path_;
  std::size_t log_start_ = 0; // of the run under way
  pid_t pid_ = 0;
  std::uint16_t port_ = 0;
};

// One for the whole test process, fsync on.
test_cluster& durable_cluster();

// A new database with the log's schema in it.
std::string migrated_database(test_cluster& cluster);

} // namespace synclog::tests
