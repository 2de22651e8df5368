// One fault run: a server under load, hurt at moments that follow from a seed, and everything that must hold
// afterwards. Blocking; called from a test's thread.
#pragma once
#include "fault/fault.hpp"
#include "fault/tally.hpp"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace synclog::tests::fault {

struct run_options {
  std::string program; // the synclog binary
  std::uint64_t seed = 1;
  site_kind where = site_kind::supervised;
  std::vector<fault_kind> faults;
  fault_scale scale = fault_scale::brief;
  int writers = 64;
  std::chrono::milliseconds rest_between{0}; // of a writer, about
  int followers = 4;                         // I7; mixed filters at full scale
  std::chrono::seconds back_within{10};      // the promise after each fault
  std::chrono::seconds patience{60};         // beyond it, to say how late it was
  bool open_snapshot = false;                // a transaction that read the log stays open beside the load
  std::string history_path{};                // "" = in memory only
  const std::atomic<bool>* stop = nullptr;   // set: no further faults, and an orderly end
  std::function<void(const std::string& line)> tell{}; // what happens, as it happens; may be empty
  // For control runs, which must be seen to fail: what is done to the site behind the server's back when the
  // load runs, and before the log is checked.
  std::function<void(site&)> sabotage_start{}, sabotage_end{};
  tcp_proxy::rewriter spoil_streams{}; // of what the followers are sent
};

struct fault_done {
  fault_kind kind = fault_kind::server;
  std::int64_t at_ms = 0;   // since the load began
  std::int64_t back_ms = 0; // from its healing until a write sent afterwards was acknowledged
};

struct run_report {
  std::vector<std::string> problems; // sentences, most with their invariant: "I1: …"; none = all held
  std::vector<fault_done> faults;
  std::vector<std::string> skipped; // kinds that cannot be injected here, with the reason
  tally counts;
  std::size_t events = 0;
  std::size_t cut_acknowledged = 0; // writes that an old backup took away, as it must
  std::string streams;              // what the followers did

  bool violates(std::string_view invariant) const; // "I1"
  std::string summary() const;
};

// The kills of a seed, in order: at least one of the server and one of the database when there is room for
// two.
std::vector<fault_kind> faults_of(std::uint64_t seed, int count);

// The same of all kinds that such a site has on this machine; old_backup at most once.
std::vector<fault_kind> all_faults_of(std::uint64_t seed, int count, site_kind where);

run_report run_schedule(const run_options& options);

} // namespace synclog::tests::fault
