// What goes wrong in a fault run: each kind can be injected into a site and healed again. The kinds are
// defined by families in process_faults.cpp, database_faults.cpp and client_faults.cpp. Blocking; one thread.
#pragma once
#include "fault/site.hpp"
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests::fault {

enum class fault_kind : std::uint8_t {
  server,              // SIGKILL to the server: it comes back and adopts the running PostgreSQL
  database,            // SIGKILL to the postmaster and its children
  backend,             // SIGKILL to the appending session: PostgreSQL recovers by itself
  both,                // server and database at once
  server_recovers,     // database, and the server while it brings it back
  before_begin,        // the server dies at a named place of the commit (eventstore/failpoint) …
  before_commit,       // …
  after_commit,        // …
  before_answer,       // …
  after_answer,        // …
  termination,         // SIGTERM to the server under load, and a start
  frozen_database,     // SIGSTOP to PostgreSQL, all of it
  connection_reset,    // every connection between server and PostgreSQL ends with RST
  silence_to_database, // what the server says does not arrive, for a while
  silence_from_database,
  full_disk,          // nothing more can be written where PostgreSQL keeps its files
  power_loss,         // disk, PostgreSQL and server at once; what was not forced out is gone
  fsync_error,        // fsync and fdatasync of PostgreSQL fail
  fsync_delay,        // … or last
  session_exhaustion, // PostgreSQL takes no more sessions, and the server's are ended
  slow_lists,         // more whole lists than the server has connections for, read by nobody
  stuck_clients,      // half requests, and streams that are not read
  clock_jump,         // the wall clock of the server
  old_backup,         // the files of PostgreSQL as they were earlier, under live cursors
};
inline constexpr std::size_t fault_kinds = 24;
std::string_view to_string(fault_kind kind);

// How long the lasting ones last, and how much they take.
enum class fault_scale : std::uint8_t { brief, full };

class injected_fault {
 public:
  virtual ~injected_fault() = default;
  // Both throw std::runtime_error when something cannot be done that should.
  virtual void inject(site& at) = 0;
  virtual void heal(site& at) = 0;
  // Between the two.
  virtual std::chrono::milliseconds lasts() const { return std::chrono::milliseconds(0); }
  // Meanwhile no write can be committed, so none may be acknowledged that was sent meanwhile.
  virtual bool stops_commits(const site&) const { return false; }
  // Meanwhile writes go on.
  virtual bool keeps_serving() const { return false; }
  // What was wrong, in sentences.
  const std::vector<std::string>& problems() const { return problems_; }

 protected:
  void note(std::string sentence) { problems_.push_back(std::move(sentence)); }

 private:
  std::vector<std::string> problems_;
};

// Details that are left to chance come from `random`. Not for old_backup, which the run itself carries out.
std::unique_ptr<injected_fault> make_fault(fault_kind kind, fault_scale scale, std::mt19937_64& random);

// "" = it can be injected at such a site on this machine; else a sentence why not.
std::string why_not(fault_kind kind, site_kind where);

// Of the families.
std::unique_ptr<injected_fault> make_process_fault(fault_kind kind, fault_scale scale,
                                                   std::mt19937_64& random);
std::unique_ptr<injected_fault> make_database_fault(fault_kind kind, fault_scale scale);
std::unique_ptr<injected_fault> make_client_fault(fault_kind kind, std::mt19937_64& random);

} // namespace synclog::tests::fault
