// See committer.hpp: the queue in front of the commit loop, and its life.
#include "eventstore/committer_impl.hpp"

#include "eventstore/feed.hpp"
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <spdlog/spdlog.h>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

constexpr std::size_t few_commands = 100; // decided in a fraction of a millisecond

std::size_t size_of(const write_request& request) {
  std::size_t bytes = sizeof(pending_write);
  for (const auto& wanted : request.commands) {
    bytes += sizeof(core::command) + wanted.id.size();
    for (std::size_t index = 0; index < wanted.fields.size(); ++index) {
      bytes += wanted.fields.has(index) ? wanted.fields.get(index).size() : 0;
    }
  }
  return bytes;
}

} // namespace

committer::impl::impl(asio::any_io_executor executor, pg::connect_options connect_to,
                      const inline_projection& tables, feed& events, committer_options bounds)
    : strand(asio::make_strand(executor)),
      answering(asio::make_strand(bounds.answer_on ? bounds.answer_on : executor)),
      connect(std::move(connect_to)), projection(tables), out(events), options(bounds), wake_timer(strand),
      expire_timer(strand), pause_timer(strand), random(std::random_device{}()) {}

committer::committer(asio::any_io_executor executor, pg::connect_options connect,
                     const inline_projection& projection, feed& events, committer_options options)
    : impl_(std::make_shared<impl>(executor, std::move(connect), projection, events, options)) {}

committer::~committer() = default;

void committer::start() {
  // Both loops end in drain(); each holds the state alive until then, and an exception in one is a broken
  // invariant.
  const auto on_end = [state = impl_](std::exception_ptr failed) {
    if (failed) {
      try {
        std::rethrow_exception(failed);
      } catch (const std::exception& broken) {
        core::invariant_broken(std::string("the committer stopped: ") + broken.what());
      }
    }
    if (--state->loops_running > 0) {
      return;
    }
    // Behind the last answers.
    auto tell = [drained = std::move(state->drained)] {
      for (const auto& waiting : drained) {
        waiting->complete(true);
      }
    };
    asio::post(state->answering, std::move(tell));
  };
  impl_->loops_running = 2;
  auto run = impl_->run();
  asio::co_spawn(impl_->strand, std::move(run), asio::bind_executor(impl_->strand, on_end));
  auto expire = impl_->expire_loop();
  asio::co_spawn(impl_->strand, std::move(expire), asio::bind_executor(impl_->strand, on_end));
}

core::problem not_durable_problem() {
  return core::make_problem(core::problem_code::database_not_durable,
                            "the database is set up so that it could lose what it acknowledges: nothing was "
                            "saved; the server's log and /readyz?verbose name the setting");
}

asio::awaitable<core::result<write_outcome>> committer::submit(write_request request) {
  if (impl_->options.is_durable && !impl_->options.is_durable()) co_return not_durable_problem();
  auto waiting = std::make_shared<pending_write>();
  waiting->bytes = size_of(request);
  waiting->request = std::move(request);
  auto state = impl_;
  auto keep = [state, waiting](std::unique_ptr<reply_slot<core::result<write_outcome>>> slot) {
    waiting->slot = std::move(slot);
    state->enqueue(waiting);
  };
  co_return co_await wait_for_reply<core::result<write_outcome>>(std::move(keep));
}

void committer::impl::enqueue(pending_ptr added) {
  std::optional<core::problem> refused;
  bool sleeping = false;
  {
    const std::lock_guard guard(mutex);
    const auto commands = added->request.commands.size();
    if (draining) {
      refused =
          core::make_problem(core::problem_code::draining, "the server is shutting down; nothing was saved");
    } else if (!queue.empty() && (queued_commands + commands > options.max_queue_commands ||
                                  queued_bytes + added->bytes > options.max_queue_bytes)) {
      refused = core::make_problem(core::problem_code::overloaded,
                                   "too many writes wait already; nothing was saved");
    } else {
      queued_commands += commands;
      queued_bytes += added->bytes;
      queue.push_back(added);
      sleeping = wake_at > 0 && queue.size() >= wake_at;
      if (sleeping) wake_at = 0;
    }
  }
  if (refused) {
    ++counted.refused;
    added->answer(std::move(*refused));
  } else if (sleeping) {
    wake();
  }
}

void committer::impl::wake() {
  auto ring = [state = shared_from_this()] {
    state->wake_timer.cancel();
    state->start_ahead();
  };
  asio::post(strand, std::move(ring));
}

// Up to the bounds; a request over them is a batch by itself.
pending_list committer::impl::take_batch(const pending_list& beside) {
  pending_list taken;
  std::size_t commands = 0;
  std::size_t bytes = 0;
  for (const auto& other : beside) {
    commands += other->request.commands.size();
    bytes += other->bytes;
  }
  const std::lock_guard guard(mutex);
  while (!queue.empty()) {
    auto& next = queue.front();
    const auto more = next->request.commands.size();
    if (commands > 0 &&
        (commands + more > options.max_batch_commands || bytes + next->bytes > options.max_batch_bytes)) {
      break;
    }
    commands += more;
    bytes += next->bytes;
    queued_commands -= more;
    queued_bytes -= next->bytes;
    taken.push_back(std::move(next));
    queue.pop_front();
  }
  wake_at = taken.empty() ? 1 : 0;
  return taken;
}

bool committer::impl::are_many_waiting() {
  std::size_t commands = 0;
  const std::lock_guard guard(mutex);
  for (const auto& waiting : queue) {
    commands += waiting->request.commands.size();
    if (commands > few_commands) return true;
  }
  return false;
}

bool committer::impl::are_waiting(std::size_t requests) {
  const std::lock_guard guard(mutex);
  const bool enough = queue.size() >= requests;
  wake_at = enough ? 0 : requests;
  return enough;
}

asio::awaitable<void> committer::drain(pg::deadline until) {
  auto state = impl_;
  {
    const std::lock_guard guard(state->mutex);
    state->draining = true;
  }
  asio::steady_timer limit(state->strand);
  limit.expires_at(until);
  auto overdue = [state](boost::system::error_code cancelled) {
    if (!cancelled) {
      const std::lock_guard guard(state->mutex);
      state->stop_now = true;
    }
    if (!cancelled && state->connection) {
      state->connection->close();
    }
  };
  limit.async_wait(asio::bind_executor(state->strand, overdue));
  auto keep = [state](std::unique_ptr<reply_slot<bool>> slot) {
    auto attach = [state, slot = std::move(slot)]() mutable {
      if (state->loops_running == 0) {
        slot->complete(true);
        return;
      }
      state->drained.push_back(std::move(slot));
      state->wake_timer.cancel();
      state->expire_timer.cancel();
    };
    asio::post(state->strand, std::move(attach));
  };
  co_await wait_for_reply<bool>(std::move(keep));
}

int committer::backend_pid() const {
  return impl_->counted.connected ? impl_->counted.backend_pid.load() : 0;
}

committer_stats committer::stats() const {
  const auto& counted = impl_->counted;
  committer_stats seen;
  {
    const std::lock_guard guard(impl_->mutex);
    seen.queued_requests = impl_->queue.size();
  }
  seen.batches = counted.batches;
  seen.events = counted.events;
  seen.requests = counted.requests;
  seen.unchanged = counted.unchanged;
  seen.rejected = counted.rejected;
  seen.bisections = counted.bisections;
  seen.unknown_outcomes = counted.unknown;
  seen.retries = counted.retries;
  seen.expired = counted.expired;
  seen.refused_full = counted.refused;
  seen.overlapped = counted.overlapped;
  seen.short_batches = counted.short_batches;
  seen.pipelined = counted.pipelined;
  seen.deferred = counted.deferred;
  seen.fenced = counted.fenced;
  seen.disproven = counted.disproven;
  seen.connected = counted.connected;
  seen.last_commit_us = counted.last_commit_us;
  return seen;
}

} // namespace synclog::eventstore
