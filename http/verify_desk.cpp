// See verify_desk.hpp.
#include "http/verify_desk.hpp"

#include "eventstore/pg/types.hpp"
#include <atomic>
#include <mutex>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

namespace synclog::http {

namespace {

using clock = std::chrono::steady_clock;

struct nobody_waits {}; // thrown out of the callback: that is how a verification is ended

} // namespace

// Shared by its thread and its readers.
struct verify_desk::watch::run {
  const clock::time_point began = clock::now();
  std::atomic<bool> cancelled{false};
  mutable std::mutex mutex; // over what follows
  std::size_t readers = 0;
  verify_desk::state now;
  bool over = false; // its thread does nothing more
};

struct verify_desk::impl {
  using run = watch::run;
  using run_ptr = std::shared_ptr<run>;

  explicit impl(verifier with) : verify(std::move(with)) {}

  // The thread of one verification.
  void work(const run_ptr& mine) {
    std::optional<eventstore::verify_report> report;
    std::optional<core::problem> failed;
    try {
      report = verify([&mine](const eventstore::verify_progress& progress) {
        if (mine->cancelled.load(std::memory_order_relaxed)) throw nobody_waits{};
        const std::lock_guard hold(mine->mutex);
        mine->now.progress = progress;
      });
    } catch (const nobody_waits&) {
      failed = core::make_problem(core::problem_code::aborted, "nobody waited for the end of it");
    } catch (const std::exception& error) {
      spdlog::warn("the verification could not be done: {}", error.what());
      failed = core::make_problem(core::problem_code::database_unavailable,
                                  "the database could not be read to the end: verify again");
    }
    if (report) {
      const std::lock_guard hold(mutex);
      last = finished{*report, core::now()};
    }
    const std::lock_guard hold(mine->mutex);
    mine->now.running = clock::now() - mine->began;
    mine->now.report = std::move(report);
    mine->now.failed = std::move(failed);
    mine->over = true;
  }

  const verifier verify;
  mutable std::mutex mutex; // over what follows; taken before a run's
  run_ptr current;
  std::optional<finished> last;
  std::jthread thread; // of `current`; the last member, so that it is joined before the others go
};

verify_desk::watch::~watch() {
  if (!run_) return;
  const std::lock_guard hold(run_->mutex);
  if (--run_->readers == 0) run_->cancelled.store(true, std::memory_order_relaxed);
}

verify_desk::state verify_desk::watch::look() const {
  const std::lock_guard hold(run_->mutex);
  auto seen = run_->now;
  if (!seen.ended()) seen.running = clock::now() - run_->began;
  return seen;
}

verify_desk::verify_desk(verifier verify) : impl_(std::make_unique<impl>(std::move(verify))) {}

verify_desk::~verify_desk() {
  const std::lock_guard hold(impl_->mutex);
  if (impl_->current) impl_->current->cancelled.store(true, std::memory_order_relaxed);
  // The thread is joined with impl_, and takes this mutex before it ends only to tell of a report.
}

core::result<verify_desk::watch> verify_desk::join() {
  const std::lock_guard hold(impl_->mutex);
  if (impl_->current) {
    const std::lock_guard hold_run(impl_->current->mutex);
    if (!impl_->current->over) {
      if (impl_->current->cancelled.load(std::memory_order_relaxed))
        return core::make_problem(core::problem_code::overloaded,
                                  "a verification that was left is still ending: try again");
      ++impl_->current->readers;
      return watch(impl_->current);
    }
  }
  impl_->thread = {}; // joins the last one's, which is over
  impl_->current = std::make_shared<watch::run>();
  impl_->current->readers = 1;
  impl_->thread = std::jthread([of = impl_.get(), mine = impl_->current] { of->work(mine); });
  return watch(impl_->current);
}

bool verify_desk::is_running() const {
  const std::lock_guard hold(impl_->mutex);
  if (!impl_->current) return false;
  const std::lock_guard hold_run(impl_->current->mutex);
  return !impl_->current->over;
}

std::optional<verify_desk::finished> verify_desk::last() const {
  const std::lock_guard hold(impl_->mutex);
  return impl_->last;
}

} // namespace synclog::http
