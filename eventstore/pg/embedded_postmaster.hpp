// The postmaster of one data folder: is it there, start it, wait until it answers, stop it. Knows it by
// postmaster.pid and /proc, so it need not be our child. Blocking, every wait bounded; used by one thread at
// a time, under start.lock.
#pragma once
#include "eventstore/pg/embedded_layout.hpp"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace synclog::eventstore::pg::embedded {

struct running_postmaster {
  pid_t pid = 0;
  std::string socket_dir; // as it was started with, which may differ from what a start now would choose
};

// The live postmaster of this folder, ready or not.
std::optional<running_postmaster> find_postmaster(const layout& where);

// Removes what a killed postmaster left: waits for its orphaned backends, ends those that stay, removes a
// postmaster.pid whose number may by now belong to somebody else. Precondition: find_postmaster() is empty.
core::result<void> clear_remains(const layout& where);

// Starts it and waits until it takes connections. `give_up` ends the wait early. After a timeout it is left
// running: it may be recovering, and the next start adopts it.
core::result<running_postmaster> start_postmaster(const layout& where, std::chrono::milliseconds timeout,
                                                  const std::atomic<bool>& give_up);
// For one that is there already; a problem when it ends instead. `log_from`: where its words begin in
// postgres.log.
core::result<running_postmaster> await_ready(const layout& where, pid_t pid,
                                             std::chrono::milliseconds timeout,
                                             const std::atomic<bool>& give_up,
                                             std::uintmax_t log_from = UINTMAX_MAX);

// Fast shutdown, then immediate, then SIGKILL; false when even that did not end it.
bool stop_postmaster(const layout& where, pid_t pid);

// Keeps postgres.log bounded: over the limit it becomes postgres.log.1, also while the postmaster writes to
// it.
void bound_log(const layout& where);

} // namespace synclog::eventstore::pg::embedded
