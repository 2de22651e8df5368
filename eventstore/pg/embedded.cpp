// The private PostgreSQL as a whole. Locks, folders, processes and settings have files of their own
// (embedded_*); here is the order of things. start() and stop() run on the caller's thread, the watching on a
// thread of this object.
#include "eventstore/pg/embedded.hpp"
#include "eventstore/pg/embedded_config.hpp"
#include "eventstore/pg/embedded_database.hpp"
#include "eventstore/pg/embedded_layout.hpp"
#include "eventstore/pg/embedded_lock.hpp"
#include "eventstore/pg/embedded_postmaster.hpp"
#include "eventstore/pg/embedded_process.hpp"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <mutex>
#include <poll.h>
#include <thread>

namespace synclog::eventstore::pg {

using namespace std::chrono_literals;
using embedded::folder_lock;
using embedded::layout;
using embedded::running_postmaster;

namespace {

constexpr auto others_start_timeout = 90s; // somebody else's initdb and recovery
constexpr auto users_lock_timeout = 5s;    // only held alone for moments, under start.lock
constexpr auto restart_lock_timeout = 5s;
constexpr auto ready_timeout = 60s;
constexpr auto watch_interval = 200ms;
constexpr auto first_backoff = 250ms;
constexpr auto longest_backoff = 15'000ms;
constexpr int watches_per_log_check = 50;
constexpr int attempts_to_adopt = 3;

struct brought_up {
  running_postmaster server;
  embedded_cluster::origin how;
};

core::result<folder_lock> lock_start(const layout& where, std::chrono::milliseconds patience,
                                     const std::string& what) {
  const embedded::acting_as user(where.runs_as);
  auto taken = folder_lock::take(where.data_dir + "/start.lock", folder_lock::mode::exclusive, patience);
  if (taken) taken->sign(what);
  return taken;
}

// Under start.lock: the running postmaster, or a new one, or a new cluster with one.
core::result<brought_up> bring_up(layout& where, const std::vector<std::string>& settings,
                                  const std::atomic<bool>& give_up) {
  for (int attempt = 0; attempt < attempts_to_adopt; ++attempt) {
    const auto running = embedded::find_postmaster(where);
    if (!running) break;
    auto ready = embedded::await_ready(where, running->pid, ready_timeout, give_up);
    if (ready) return brought_up{*ready, embedded_cluster::origin::adopted};
    // One that was just shutting down is gone by now, and a new one may start.
    if (embedded::is_alive(running->pid)) return ready.error();
  }
  auto how = embedded_cluster::origin::started;
  if (!where.has_cluster) {
    if (const auto made = embedded::make_cluster(where); !made) return made.error();
    where.has_cluster = true;
    how = embedded_cluster::origin::created;
  }
  if (const auto written = embedded::write_settings(where, settings); !written) return written.error();
  if (const auto cleared = embedded::clear_remains(where); !cleared) return cleared.error();
  auto ready = embedded::start_postmaster(where, ready_timeout, give_up);
  if (!ready) return ready.error();
  return brought_up{*ready, how};
}

} // namespace

struct embedded_cluster::impl {
  layout where;
  std::vector<std::string> settings;
  embedded_urls urls;
  origin how = origin::adopted;
  folder_lock users; // shared, for as long as we use the cluster
  bool is_stopped = false;

  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<bool> stopping{false};
  pid_t pid = 0; // the watching thread's own once that runs
  std::thread watcher;
  std::function<void(const std::string&)> on_event;

  // While this file is there, the last user to leave stops the cluster, whoever started it: a subcommand that
  // did may have been killed, or have left while others stayed.
  std::string left_behind() const { return where.data_dir + "/stop-when-idle"; }
  void note_left_behind() const;
  void watch();
  bool restart();
  bool rest(std::chrono::milliseconds time);
  void leave();
};

// False when it is time to end.
bool embedded_cluster::impl::rest(std::chrono::milliseconds time) {
  std::unique_lock guard(mutex);
  return !wake.wait_for(guard, time, [this] { return stopping.load(); });
}

void embedded_cluster::impl::watch() {
  int watches = 0;
  auto backoff = first_backoff;
  bool retrying = false;
  while (rest(retrying ? backoff : std::chrono::milliseconds(watch_interval))) {
    if (++watches % watches_per_log_check == 0) embedded::bound_log(where);
    if (embedded::is_alive(pid) && embedded::works_in(pid, where.pg_dir)) continue;
    if (!retrying) on_event(fmt::format("PostgreSQL (pid {}) has ended; restarting it", pid));
    backoff = retrying ? std::min<std::chrono::milliseconds>(backoff * 2, longest_backoff) : first_backoff;
    retrying = !restart();
  }
}

bool embedded_cluster::impl::restart() {
  const auto lock = lock_start(where, restart_lock_timeout, "restarting a PostgreSQL that has ended");
  if (!lock) {
    on_event("PostgreSQL cannot be restarted now: " + lock.error().detail);
    return false;
  }
  const auto back = bring_up(where, settings, stopping);
  if (!back) {
    if (!stopping) on_event("PostgreSQL cannot be restarted: " + back.error().detail);
    return false;
  }
  pid = back->server.pid;
  on_event(fmt::format("PostgreSQL is back (pid {})", pid));
  return true;
}

// As the user that the folder belongs to.
void embedded_cluster::impl::note_left_behind() const {
  std::ofstream(left_behind())
      << "No synclog serve looks after this PostgreSQL; the last synclog that uses it "
         "stops it.\n";
}

// Under start.lock nobody can begin to use the cluster between our look and the shutdown.
void embedded_cluster::impl::leave() {
  const bool ours = how != origin::adopted || on_event != nullptr;
  const auto lock = lock_start(where, others_start_timeout, "stopping PostgreSQL");
  if (!lock) return; // whoever holds it uses the cluster
  std::error_code ignored;
  if (!ours && !std::filesystem::exists(left_behind(), ignored)) return;
  const embedded::acting_as user(where.runs_as);
  if (!users.become_exclusive()) {
    note_left_behind();
    return;
  }
  std::filesystem::remove(left_behind(), ignored);
  if (const auto running = embedded::find_postmaster(where)) embedded::stop_postmaster(where, running->pid);
}

embedded_cluster::embedded_cluster(std::unique_ptr<impl> state) : impl_(std::move(state)) {}

embedded_cluster::~embedded_cluster() {
  if (impl_) stop();
}

namespace {

constexpr int max_attempts = 3;

// True when this postmaster is gone within two seconds.
bool ends_soon(const embedded::layout& where, pid_t pid) {
  constexpr int looks = 100;
  constexpr int between_ms = 20;
  for (int look = 0; look < looks; ++look) {
    const auto running = embedded::find_postmaster(where);
    if (!running || running->pid != pid) return true;
    poll(nullptr, 0, between_ms);
  }
  return false;
}

} // namespace

core::result<std::unique_ptr<embedded_cluster>> embedded_cluster::start(embedded_options options) {
  if (options.when_missing == missing_cluster::refuse)
    if (const auto there = embedded::require_cluster(options.data_dir); !there) return there.error();
  auto state = std::make_unique<impl>();
  auto where = embedded::prepare_layout(options.data_dir, options.bin_dir);
  if (!where) return where.error();
  state->where = std::move(*where);
  state->settings = std::move(options.settings);

  const auto lock = lock_start(state->where, others_start_timeout, "starting PostgreSQL");
  if (!lock) return lock.error();
  // Somebody may have made the cluster while we waited.
  auto again = embedded::prepare_layout(options.data_dir, options.bin_dir);
  if (!again) return again.error();
  state->where = std::move(*again);
  {
    const embedded::acting_as user(state->where.runs_as);
    auto users =
        folder_lock::take(state->where.data_dir + "/lock", folder_lock::mode::shared, users_lock_timeout);
    if (!users) return users.error();
    state->users = std::move(*users);
  }
  for (int attempt = 1;; ++attempt) {
    const auto up = bring_up(state->where, state->settings, state->stopping);
    if (!up) return up.error();
    state->how = up->how;
    state->pid = up->server.pid;
    // One that runs already keeps its socket where it was.
    if (!up->server.socket_dir.empty()) state->where.socket_dir = up->server.socket_dir;
    const auto ready = embedded::ensure_database(state->where, state->where.socket_dir);
    if (ready) break;
    if (up->how != origin::adopted) {
      embedded::stop_postmaster(state->where, up->server.pid);
      return ready.error();
    }
    // What was found running may have been at its end: killed a moment ago, and gone in another.
    if (attempt == max_attempts || !ends_soon(state->where, up->server.pid)) return ready.error();
  }
  if (state->how != origin::adopted) { // supervise() takes it back
    const embedded::acting_as user(state->where.runs_as);
    state->note_left_behind();
  }
  const std::string& socket_dir = state->where.socket_dir;
  const bool as_postgres = state->where.runs_as.name == "postgres" && state->where.invoker.name != "postgres";
  state->urls = {.owner = embedded::conninfo_for(socket_dir, "synclog", "synclog_owner"),
                 .service = embedded::conninfo_for(socket_dir, "synclog", "synclog_app"),
                 .shell = as_postgres ? fmt::format("runuser -u postgres -- psql -h '{}' synclog", socket_dir)
                                      : fmt::format("psql -h '{}' -U postgres synclog", socket_dir)};
  return std::unique_ptr<embedded_cluster>(new embedded_cluster(std::move(state)));
}

const embedded_urls& embedded_cluster::urls() const {
  return impl_->urls;
}
const std::string& embedded_cluster::data_dir() const {
  return impl_->where.data_dir;
}
embedded_cluster::origin embedded_cluster::how() const {
  return impl_->how;
}

void embedded_cluster::supervise(std::function<void(const std::string&)> on_event) {
  if (impl_->watcher.joinable() || impl_->is_stopped)
    core::invariant_broken("a private PostgreSQL is supervised once");
  impl_->on_event = std::move(on_event);
  impl_->users.sign("synclog serve");
  {
    const embedded::acting_as user(impl_->where.runs_as);
    std::error_code ignored;
    std::filesystem::remove(impl_->left_behind(), ignored);
  }
  impl_->watcher = std::thread([state = impl_.get()] { state->watch(); });
}

void embedded_cluster::stop() {
  if (impl_->is_stopped) return;
  impl_->is_stopped = true;
  {
    const std::lock_guard guard(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  if (impl_->watcher.joinable()) impl_->watcher.join();
  impl_->leave();
  impl_->users.release();
}

} // namespace synclog::eventstore::pg
