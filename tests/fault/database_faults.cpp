// Faults of what a database stands on: its disk, its calls of the kernel, its sessions, and the way to it.
#include "fault/fault.hpp"
#include "fault/syscall_faults.hpp"
#include "support/process.hpp"
#include "support/wait.hpp"
#include <fmt/format.h>
#include <libpq-fe.h>
#include <optional>
#include <stdexcept>
#include <thread>

namespace synclog::tests::fault {

using namespace std::chrono_literals;

namespace {

constexpr int resets = 3;
constexpr auto between_resets = 150ms;

class full_disk : public injected_fault {
 public:
  explicit full_disk(fault_scale scale) : lasts_(scale == fault_scale::brief ? 2s : 8s) {}
  void inject(site& at) override { at.disk()->fill(); }
  void heal(site& at) override { at.disk()->make_room(); }
  std::chrono::milliseconds lasts() const override { return lasts_; }

 private:
  std::chrono::milliseconds lasts_;
};

class power_loss : public injected_fault {
 public:
  void inject(site& at) override { at.power_off(); }
  void heal(site& at) override { at.power_on(); }
};

// What PostgreSQL makes of it is a PANIC: it must not trust what it could not force out.
class fsync_error : public injected_fault {
 public:
  void inject(site& at) override { faults_.emplace(at.postmaster_pid(), "fsync,fdatasync:error=EIO"); }
  void heal(site& at) override {
    faults_.reset();
    if (at.kind() != site_kind::networked) return;
    // It recovers, or gives up: seconds later, when some of its processes do not end by themselves.
    const pid_t postmaster = at.postmaster_pid();
    std::optional<std::chrono::steady_clock::time_point> well_since;
    const auto settled = [&] {
      if (!is_alive(postmaster)) return true;
      const auto now = std::chrono::steady_clock::now();
      if (!answers(at))
        well_since.reset();
      else if (!well_since)
        well_since = now;
      return well_since && now - *well_since >= well_for;
    };
    (void)wait_until(settled, settle_patience);
    if (is_alive(postmaster)) return;
    at.kill_database(); // nothing else may run when it starts again
    at.revive_database();
  }
  std::chrono::milliseconds lasts() const override { return 2s; }

 private:
  static bool answers(const site& at) {
    try {
      return at.sql("SELECT 1") == "1";
    } catch (const std::runtime_error&) {
      return false;
    }
  }

  static constexpr auto settle_patience = 20s, well_for = 2s;
  std::optional<syscall_faults> faults_;
};

class fsync_delay : public injected_fault {
 public:
  void inject(site& at) override {
    faults_.emplace(at.postmaster_pid(), "fsync,fdatasync:delay_enter=100000");
  }
  void heal(site&) override { faults_.reset(); }
  std::chrono::milliseconds lasts() const override { return 2s; }
  bool keeps_serving() const override { return true; }

 private:
  std::optional<syscall_faults> faults_;
};

class session_exhaustion : public injected_fault {
 public:
  // Twice: what the server's sessions leave free is taken before it comes back.
  void inject(site& at) override {
    usable_ = at.usable_sessions();
    take_all(at);
    if (sessions_.empty()) throw std::runtime_error("not one session could be taken");
    const result ended(PQexec(sessions_.front().get(),
                              "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                              "WHERE application_name = 'synclog serve'"),
                       &PQclear);
    if (PQresultStatus(ended.get()) != PGRES_TUPLES_OK)
      note(std::string("the server's sessions were not ended: ") + PQerrorMessage(sessions_.front().get()));
    take_all(at);
  }
  void heal(site&) override { sessions_.clear(); }
  std::chrono::milliseconds lasts() const override { return 1s; }

 private:
  using session = std::unique_ptr<PGconn, decltype(&PQfinish)>;
  using result = std::unique_ptr<PGresult, decltype(&PQclear)>;

  void take_all(site& at) {
    while (static_cast<int>(sessions_.size()) <= usable_) {
      session made(PQconnectdb(at.conninfo().c_str()), &PQfinish);
      if (PQstatus(made.get()) != CONNECTION_OK) return;
      sessions_.push_back(std::move(made));
    }
  }
  int usable_ = 0;
  std::vector<session> sessions_;
};

class connection_reset : public injected_fault {
 public:
  void inject(site& at) override {
    std::size_t ended = 0;
    for (int i = 0; i < resets; ++i) {
      ended += at.proxy()->reset_all();
      std::this_thread::sleep_for(between_resets);
    }
    if (ended == 0) note("there was no connection to reset");
  }
  void heal(site&) override {}
};

class silence : public injected_fault {
 public:
  silence(tcp_proxy::direction towards, fault_scale scale)
      : towards_(towards), lasts_(scale == fault_scale::brief ? 2s : 40s) {}
  void inject(site& at) override { at.proxy()->silence(towards_); }
  void heal(site& at) override { at.proxy()->resume(); }
  std::chrono::milliseconds lasts() const override { return lasts_; }
  bool stops_commits(const site&) const override { return true; }

 private:
  tcp_proxy::direction towards_;
  std::chrono::milliseconds lasts_;
};

} // namespace

std::unique_ptr<injected_fault> make_database_fault(fault_kind kind, fault_scale scale) {
  switch (kind) {
  case fault_kind::full_disk:
    return std::make_unique<full_disk>(scale);
  case fault_kind::power_loss:
    return std::make_unique<power_loss>();
  case fault_kind::fsync_error:
    return std::make_unique<fsync_error>();
  case fault_kind::fsync_delay:
    return std::make_unique<fsync_delay>();
  case fault_kind::session_exhaustion:
    return std::make_unique<session_exhaustion>();
  case fault_kind::connection_reset:
    return std::make_unique<connection_reset>();
  case fault_kind::silence_to_database:
    return std::make_unique<silence>(tcp_proxy::direction::to_server, scale);
  case fault_kind::silence_from_database:
    return std::make_unique<silence>(tcp_proxy::direction::to_client, scale);
  default:
    throw std::logic_error("no fault of the database");
  }
}

} // namespace synclog::tests::fault
