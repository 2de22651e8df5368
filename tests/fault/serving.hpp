// `synclog serve` with its private PostgreSQL in a folder of its own under /tmp: started, killed in several
// ways, started again, and everything gone with the object. Blocking; one thread calls it (the server lives
// as long as the thread that started it), but any thread may ask for port().
#pragma once
#include "fault/small_disk.hpp"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

namespace synclog::tests::fault {

struct serving_options {
  std::string program;                  // the synclog binary
  std::vector<std::string> arguments{}; // behind `serve --listen … --data-dir …`
  std::vector<std::string> through{};   // what starts the server, as /usr/bin/env NAME=value; empty = nothing
  std::string database_url{};           // not "": serves this one, and there is no private PostgreSQL
  std::string direct_url{};             // the same for run(), when something lies between
  std::size_t disk_megabytes = 0;       // not 0: the data folder is on a disk of its own
};

class serving {
 public:
  // Makes the folder only. Removes what runs that were killed left behind.
  explicit serving(serving_options options);
  ~serving();
  serving(const serving&) = delete;
  serving& operator=(const serving&) = delete;

  // Returns when it listens; throws std::runtime_error with the end of its output otherwise.
  void start(const std::vector<std::string>& more_arguments = {});
  // SIGTERM; its exit code, or -1 when it had to be killed.
  int stop();
  void kill_server();   // SIGKILL; PostgreSQL stays
  void kill_database(); // SIGKILL to the postmaster and all its children
  bool kill_backend();  // kill_busiest_session() of its PostgreSQL

  std::uint16_t port() const { return port_; } // 0 while it does not run
  pid_t server_pid() const { return server_; }
  pid_t postmaster_pid() const; // 0 when there is none
  // "synclog … on private PostgreSQL in … (already running)", as the latest start printed it.
  const std::string& first_line() const { return first_line_; }
  const std::string& data_dir() const { return data_dir_; }
  std::string conninfo(const std::string& role = "synclog_owner") const;
  std::string output_tail() const;                 // of the latest start
  small_disk* disk() const { return disk_.get(); } // null: none of its own

  // A copy of the cluster's files, and the files as they were then. Nothing runs meanwhile.
  void keep_backup();
  void restore_backup();

  // Runs `synclog <arguments…> --data-dir …` to its end: exit code, and what it printed.
  struct finished {
    int exit_code = -1;
    std::string output;
  };
  finished run(const std::vector<std::string>& arguments, std::chrono::seconds patience) const;

 private:
  std::string read_output() const;
  void forget_server();

  serving_options options_;
  std::string folder_;
  std::string data_dir_;
  std::unique_ptr<small_disk> disk_;
  int lock_ = -1;
  int starts_ = 0;
  mutable int runs_ = 0;
  pid_t server_ = 0;
  std::atomic<std::uint16_t> port_{0};
  std::string first_line_;
};

// SIGKILL to the session that has worked most of those whose command line holds `word`, so that PostgreSQL
// recovers; false when there is none. With a role or database that only the server uses it is the one that
// appends.
bool kill_busiest_session(pid_t postmaster, std::string_view word);
void kill_postmaster(pid_t postmaster); // and its children; returns when they are gone

} // namespace synclog::tests::fault
