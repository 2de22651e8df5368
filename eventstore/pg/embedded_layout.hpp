// Where the private PostgreSQL lives and as whom it runs: folders, system user, programs. Blocking file
// calls; used by the thread that starts the cluster.
#pragma once
#include "core/problem.hpp"
#include <string>
#include <sys/types.h>

namespace synclog::eventstore::pg::embedded {

struct system_user {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
};

struct layout {
  std::string data_dir;     // absolute
  std::string pg_dir;       // <data_dir>/pg
  std::string socket_dir;   // <data_dir>/run, or a short one under /tmp
  std::string log_path;     // <data_dir>/postgres.log
  std::string bin_dir;      // has postgres and initdb of the cluster's version
  system_user runs_as;      // never root
  system_user invoker;      // who started this program
  bool has_cluster = false; // pg_dir was made by an earlier start
};

// Problem database_unavailable: the folder has no cluster, or is not there. Makes nothing.
core::result<void> require_cluster(const std::string& data_dir);

// Resolves everything and makes the folders. Problems are plain sentences with the fix.
core::result<layout> prepare_layout(const std::string& data_dir, const std::string& bin_dir);

// While it lives, the calling thread touches files as `user` and without root's rights over other people's
// files, so that nothing in a folder that belongs to `user` can lead root astray. Does nothing unless the
// process is root.
class acting_as {
 public:
  explicit acting_as(const system_user& user);
  ~acting_as();
  acting_as(const acting_as&) = delete;
  acting_as& operator=(const acting_as&) = delete;

 private:
  bool changed_ = false;
};

// "cannot open X: Permission denied"
core::problem io_problem(const std::string& what, const std::string& path, int error);

} // namespace synclog::eventstore::pg::embedded
