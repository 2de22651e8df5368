// The private PostgreSQL that runs when no database is named: initdb, start, adopt, supervise, stop.
// Blocking; call it before the server starts or from a thread of its own, never from an I/O thread.
#pragma once
#include "core/problem.hpp"
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace synclog::eventstore::pg {

// What a folder without a cluster gets.
enum class missing_cluster : std::uint8_t { make, refuse };

struct embedded_options {
  std::string data_dir; // empty: ./synclog-data, or /var/lib/synclog as root
  std::string bin_dir;  // where initdb, postgres and pg_ctl are; empty = newest of /usr/lib/postgresql/*/bin,
                        // then PATH
  // Lines for postgresql.conf beside the defaults: "shared_buffers = '512MB'".
  std::vector<std::string> settings;
  missing_cluster when_missing = missing_cluster::make;
};

// Where its database is found by whom.
struct embedded_urls {
  std::string owner;   // role synclog_owner: migrate
  std::string service; // role synclog_app: serve
  std::string shell;   // the psql command line that an operator can paste
};

class embedded_cluster {
 public:
  // Makes, starts or adopts the cluster of `options.data_dir`; waits until it answers (at most 60 s).
  // Problems are plain sentences with the fix: folder not reachable for user postgres, version mismatch,
  // another server's lock, initdb's own words; database_unavailable: there is no cluster and none may
  // be made (nothing is).
  static core::result<std::unique_ptr<embedded_cluster>> start(embedded_options options);
  // Stops the cluster only when this object made or started it, or supervises it, and no other synclog uses
  // it. While others do, the last of them to leave stops it instead.
  ~embedded_cluster();

  const embedded_urls& urls() const;
  const std::string& data_dir() const;

  enum class origin { created, started, adopted };
  origin how() const;

  // Starts the watching thread: a dead postmaster is restarted with back-off; `on_event` hears plain
  // sentences for the log.
  void supervise(std::function<void(const std::string&)> on_event);
  // As the destructor: fast shutdown, at most about a minute; idempotent.
  void stop();

 private:
  struct impl;
  explicit embedded_cluster(std::unique_ptr<impl> state);
  std::unique_ptr<impl> impl_;
};

// The resolved data folder for these options (see embedded_options::data_dir).
std::string default_data_dir();

} // namespace synclog::eventstore::pg
