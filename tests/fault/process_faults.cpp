// Faults of processes: killed, stopped, ended in order, and killed at a named place of the commit.
#include "fault/fault.hpp"
#include "fault/syscall_faults.hpp"
#include "support/process.hpp"
#include "support/wait.hpp"
#include <csignal>
#include <fmt/format.h>
#include <functional>
#include <stdexcept>
#include <thread>

namespace synclog::tests::fault {

using namespace std::chrono_literals;

namespace {

constexpr auto failpoint_patience = 20s;
constexpr std::uint64_t latest_pass = 60;
constexpr std::uint64_t longest_recovery_ms = 400;

// The start of a server after a kill: whoever kills a server must find its database as it was.
void start_again(site& at, bool adopts, const std::function<void(std::string)>& note) {
  at.start_server();
  if (at.kind() != site_kind::supervised) return;
  const std::string line = at.server().first_line();
  const bool adopted = line.find("already running") != std::string::npos;
  if (adopts && !adopted) note("the restarted server did not adopt the running PostgreSQL: " + line);
  if (!adopted && line.find("(started)") == std::string::npos)
    note("the restarted server made a new database: " + line);
}

class server_kill : public injected_fault {
 public:
  void inject(site& at) override { at.kill_server(); }
  void heal(site& at) override {
    start_again(at, true, [this](std::string sentence) { note(std::move(sentence)); });
  }
};

class database_kill : public injected_fault {
 public:
  void inject(site& at) override { at.kill_database(); }
  void heal(site& at) override { at.revive_database(); }
  std::chrono::milliseconds lasts() const override { return 300ms; }
  // The server may bring back its own at any moment.
  bool stops_commits(const site& at) const override { return at.kind() == site_kind::networked; }
};

class backend_kill : public injected_fault {
 public:
  void inject(site& at) override {
    if (!at.kill_backend()) note("no session to kill");
  }
  void heal(site&) override {}
};

class double_kill : public injected_fault {
 public:
  void inject(site& at) override {
    at.kill_server();
    at.kill_database();
  }
  void heal(site& at) override {
    start_again(at, false, [this](std::string sentence) { note(std::move(sentence)); });
  }
};

class recovery_kill : public injected_fault {
 public:
  explicit recovery_kill(std::mt19937_64& random) : recovered_for_(random() % longest_recovery_ms) {}
  void inject(site& at) override {
    at.kill_database();
    std::this_thread::sleep_for(recovered_for_);
    at.kill_server();
  }
  void heal(site& at) override {
    start_again(at, false, [this](std::string sentence) { note(std::move(sentence)); });
  }

 private:
  std::chrono::milliseconds recovered_for_;
};

class failpoint_kill : public injected_fault {
 public:
  failpoint_kill(std::string_view place, std::mt19937_64& random)
      : armed_(fmt::format("{}=kill@{}", place, 1 + random() % latest_pass)) {}
  void inject(site& at) override {
    if (const int code = at.stop_server(); code != 0) note(fmt::format("the server ended with {}", code));
    at.start_server({"--failpoints", armed_});
    const pid_t server = at.server_pid();
    if (!wait_until([server] { return !is_alive(server); }, failpoint_patience))
      note("the server did not die at " + armed_);
    at.kill_server();
  }
  void heal(site& at) override {
    start_again(at, true, [this](std::string sentence) { note(std::move(sentence)); });
  }

 private:
  std::string armed_;
};

class termination : public injected_fault {
 public:
  void inject(site& at) override {
    if (const int code = at.stop_server(); code != 0) {
      note(fmt::format("the server ended with {} on SIGTERM under load:\n{}", code,
                       at.server().output_tail()));
    }
  }
  void heal(site& at) override { at.start_server(); }
};

class freeze : public injected_fault {
 public:
  explicit freeze(fault_scale scale) : lasts_(scale == fault_scale::brief ? 5s : 33s) {}
  ~freeze() override { thaw(); }
  // The postmaster first: it can then start no child that would be missed.
  void inject(site& at) override {
    const pid_t postmaster = at.postmaster_pid();
    if (postmaster == 0) throw std::runtime_error("there is no PostgreSQL to stop");
    kill(postmaster, SIGSTOP);
    stopped_ = tree_of(postmaster);
    for (const pid_t pid : stopped_)
      kill(pid, SIGSTOP);
  }
  void heal(site&) override { thaw(); }
  std::chrono::milliseconds lasts() const override { return lasts_; }
  bool stops_commits(const site&) const override { return true; }

 private:
  void thaw() {
    for (const pid_t pid : stopped_)
      kill(pid, SIGCONT);
    stopped_.clear();
  }
  std::chrono::milliseconds lasts_;
  std::vector<pid_t> stopped_;
};

} // namespace

std::unique_ptr<injected_fault> make_process_fault(fault_kind kind, fault_scale scale,
                                                   std::mt19937_64& random) {
  switch (kind) {
  case fault_kind::server:
    return std::make_unique<server_kill>();
  case fault_kind::database:
    return std::make_unique<database_kill>();
  case fault_kind::backend:
    return std::make_unique<backend_kill>();
  case fault_kind::both:
    return std::make_unique<double_kill>();
  case fault_kind::server_recovers:
    return std::make_unique<recovery_kill>(random);
  case fault_kind::before_begin:
    return std::make_unique<failpoint_kill>("before_begin", random);
  case fault_kind::before_commit:
    return std::make_unique<failpoint_kill>("before_commit", random);
  case fault_kind::after_commit:
    return std::make_unique<failpoint_kill>("after_commit", random);
  case fault_kind::before_answer:
    return std::make_unique<failpoint_kill>("before_answer", random);
  case fault_kind::after_answer:
    return std::make_unique<failpoint_kill>("after_answer", random);
  case fault_kind::termination:
    return std::make_unique<termination>();
  case fault_kind::frozen_database:
    return std::make_unique<freeze>(scale);
  default:
    throw std::logic_error("no fault of processes");
  }
}

} // namespace synclog::tests::fault
