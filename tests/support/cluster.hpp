// A throwaway PostgreSQL for tests: initdb in a short folder under /tmp, a postgres child on a Unix socket,
// all gone with the object. As root everything runs as user postgres. The server dies with the test process,
// however that ends. Blocking; one thread at a time calls a given object, but any thread may ask for
// conninfo().
#pragma once
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace synclog::tests {

struct cluster_options {
  bool durable = false;                // fsync on; off is what makes tests quick
  bool tcp = false;                    // listens also on a free port of 127.0.0.1
  std::vector<std::string> settings{}; // "max_connections=20": over the defaults
};

class test_cluster {
 public:
  // Returns when the server answers; throws std::runtime_error with the end of its log when it does not
  // within 60 s.
  explicit test_cluster(cluster_options options = {});
  ~test_cluster();
  test_cluster(const test_cluster&) = delete;
  test_cluster& operator=(const test_cluster&) = delete;

  // One for the whole test process, made at the first call, for tests that do not stop it or change its
  // settings.
  static test_cluster& shared();

  void start();   // after stop() or kill9(); returns when it answers
  void stop();    // fast shutdown: sessions get FATAL 57P01
  void kill9();   // power off: SIGKILL to the postmaster and all its children
  void restart(); // stop() and start()
  bool running() const;
  pid_t postmaster_pid() const; // 0 when stopped

  // key=value conninfo and URI over the Unix socket; tcp_conninfo needs `tcp`.
  std::string conninfo(const std::string& database = "postgres", const std::string& user = "postgres") const;
  std::string url(const std::string& database = "postgres", const std::string& user = "postgres") const;
  std::string tcp_conninfo(const std::string& database = "postgres",
                           const std::string& user = "postgres") const;
  int tcp_port() const;
  const std::string& folder() const;    // holds `data`, the socket and `log`
  const std::string& user_name() const; // the system user that runs it

  // CREATE DATABASE; an existing one of that name is dropped first, with its sessions.
  void create_database(const std::string& name, const std::string& template_name = "template1");
  // The same with a name of its own, returned.
  std::string fresh_database(const std::string& template_name = "template1");
  void drop_database(const std::string& name);

  // Runs SQL (several statements if you like) as superuser on a connection of its own; the first value of the
  // last result as text, "" when there is none. Throws std::runtime_error with the server's message.
  std::string sql(const std::string& database, const std::string& statements) const;

  std::string log_tail(std::size_t max_bytes = 4'000) const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace synclog::tests
