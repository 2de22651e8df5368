// What the tests of the private PostgreSQL share: a throwaway data folder, another synclog process that can
// be killed, and SQL through the URLs that the cluster gives. Single-threaded: the other process is a fork of
// the test.
#pragma once
#include "eventstore/pg/embedded.hpp"
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>

namespace synclog::tests {

// /tmp/sle-XXXXXX; whatever still runs in it is killed with the object.
class throwaway_folder {
 public:
  throwaway_folder();
  ~throwaway_folder();
  throwaway_folder(const throwaway_folder&) = delete;
  throwaway_folder& operator=(const throwaway_folder&) = delete;
  const std::string& path() const { return path_; }
  std::string data_dir() const { return path_ + "/data"; }
  // Puts a copy of a cluster there that was made, migrated to nothing and stopped once: initdb is the slow
  // part of a test.
  void fill();

 private:
  std::string path_;
};

// Starts the cluster; a failed start fails the test with its words.
std::unique_ptr<eventstore::pg::embedded_cluster> started(const std::string& data_dir);
// The words of a start that must fail.
std::string refusal(const std::string& data_dir);

// The first value, or "failed: …".
std::string ask(const std::string& conninfo, const std::string& sql);

// 0 when none is alive.
pid_t postmaster_of(const std::string& data_dir);

// Another process that uses the same cluster until told to end.
class other_process {
 public:
  // Returns when the other process has started its cluster; `how()` says what it found.
  enum class kind { server, subcommand };
  other_process(const std::string& data_dir, kind what);
  ~other_process();
  other_process(const other_process&) = delete;
  other_process& operator=(const other_process&) = delete;
  std::string await_started(); // "created", "started", "adopted", or the problem's words
  void kill9();
  void end(); // as Ctrl-C would; returns when it has ended

 private:
  pid_t pid_ = -1;
  int said_ = -1;
  int tell_ = -1;
};

} // namespace synclog::tests
