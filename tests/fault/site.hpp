// Where a fault run takes place: a server, its PostgreSQL and what lies between the two, each of which can be
// hurt and healed. Supervised: a private PostgreSQL that the server itself brings back, on a disk of its own
// if wanted. Networked: a PostgreSQL that runs by itself, reached through a proxy, and a server whose clock
// can be shifted. Blocking; one thread calls it, any thread may ask for port().
#pragma once
#include "fault/serving.hpp"
#include "fault/tcp_proxy.hpp"
#include "support/cluster.hpp"
#include "support/temporary_folder.hpp"
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests::fault {

enum class site_kind : std::uint8_t { supervised, networked };
std::string_view to_string(site_kind kind);

struct site_options {
  site_kind kind = site_kind::supervised;
  std::string program;                  // the synclog binary
  std::vector<std::string> arguments{}; // of the server
  bool own_disk = false;                // supervised
  bool own_clock = false;               // networked
};

class site {
 public:
  // Makes and starts PostgreSQL when it is networked. The server is not started.
  explicit site(site_options options);
  ~site();
  site(const site&) = delete;
  site& operator=(const site&) = delete;

  site_kind kind() const { return options_.kind; }
  void start_server(const std::vector<std::string>& more_arguments = {}) { server_->start(more_arguments); }
  int stop_server() { return server_->stop(); } // SIGTERM; its exit code, -1 = it had to be killed
  void kill_server() { server_->kill_server(); }
  void kill_database();   // the power of PostgreSQL off
  void revive_database(); // what an operator does where no server supervises; else nothing
  bool kill_backend();    // the session that appends
  void power_off();       // own_disk: disk, server and PostgreSQL at once …
  void power_on();        // … and the disk and the server again

  std::uint16_t port() const { return server_->port(); }
  pid_t server_pid() const { return server_->server_pid(); }
  pid_t postmaster_pid() const;
  // Past the proxy.
  std::string conninfo() const;
  // The first value of a statement, as superuser; throws std::runtime_error.
  std::string sql(const std::string& statement) const;
  // Sessions of servers, as PostgreSQL counts them; -1 when it cannot be asked.
  int server_sessions() const;
  int usable_sessions() const; // in all

  serving& server() { return *server_; }
  tcp_proxy* proxy() const { return proxy_.get(); }    // null: nothing lies between
  small_disk* disk() const { return server_->disk(); } // null: none of its own
  bool has_own_clock() const { return !clock_file_.empty(); }
  void shift_clock(std::chrono::seconds by); // of the server, against the true time

 private:
  site_options options_;
  temporary_folder folder_;
  std::string clock_file_;
  std::unique_ptr<test_cluster> cluster_;
  std::string database_;
  std::unique_ptr<tcp_proxy> proxy_;
  std::unique_ptr<serving> server_;
};

} // namespace synclog::tests::fault
