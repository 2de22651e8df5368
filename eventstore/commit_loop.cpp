// The commit loop: one batch after the other on one connection, everybody's deadlines, and the connection
// itself. Everything here runs on the committer's strand.
#include "eventstore/committer_impl.hpp"

#include "core/clock.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace synclog::eventstore {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto expire_interval = 200ms;
constexpr auto connect_timeout = 5s;
constexpr std::chrono::milliseconds backoff_min = 20ms;
constexpr std::chrono::milliseconds backoff_max = 1'000ms;
constexpr std::chrono::milliseconds idle_look = 500ms; // how soon an idle committer sees a broken connection

} // namespace

core::problem unavailable_problem() {
  return core::make_problem(core::problem_code::database_unavailable,
                            "the database cannot be reached; nothing was saved");
}

core::problem unknown_problem() {
  return core::make_problem(
      core::problem_code::outcome_unknown,
      "the database went away during the commit: the change may or may not be saved; repeat the "
      "request, with the same Idempotency-Key if it had one");
}

core::uuid log_id_of(const pg::rows& rows) {
  core::uuid log_id{};
  if (rows.size() != 1 || rows.text(0, 0).size() != log_id.size()) {
    throw pg::unavailable("the database has no log");
  }
  std::memcpy(log_id.data(), rows.text(0, 0).data(), log_id.size());
  return log_id;
}

bool flight::anyone_waits() const {
  return std::any_of(requests.begin(), requests.end(),
                     [](const pending_ptr& waiting) { return !waiting->answered(); });
}

pg::deadline committer::impl::call_deadline() const {
  return pg::clock::now() + connect.statement_timeout + 5s;
}

asio::awaitable<void> committer::impl::pause(std::chrono::milliseconds time) {
  pause_timer.expires_after(time);
  boost::system::error_code cancelled;
  co_await pause_timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

asio::awaitable<void> committer::impl::run() {
  auto self = shared_from_this();
  while (true) {
    if (!ahead) {
      auto taken = take_batch({});
      if (!taken.empty()) {
        ahead = std::make_unique<flight>(std::move(taken));
      }
    }
    if (ahead) {
      current = std::move(ahead);
      co_await process();
      current.reset();
      continue;
    }
    if (is_draining()) {
      break;
    }
    // An idle server keeps its connection too: it is ready, and the first write does not wait for a connect.
    if (!connection || !connection->is_open()) {
      co_await connect_once();
      if (are_waiting(1) || is_draining()) {
        continue; // whoever came meanwhile woke nobody
      }
    }
    // wake() is posted to this strand, so it cannot run between here and this wait.
    wake_timer.expires_after(connection ? idle_look
                                        : std::max<std::chrono::milliseconds>(backoff, backoff_min));
    boost::system::error_code cancelled;
    co_await wake_timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  expire_timer.cancel();
  if (connection) {
    connection->close();
    connection.reset();
  }
  counted.connected = false;
}

bool committer::impl::is_draining() {
  const std::lock_guard guard(mutex);
  return draining;
}

// Deadlines are kept here, not by a timer a request: nobody waits past his own, whatever the database does.
asio::awaitable<void> committer::impl::expire_loop() {
  auto self = shared_from_this();
  while (true) {
    {
      const std::lock_guard guard(mutex);
      if (draining && queue.empty() && !current && !ahead) {
        break;
      }
    }
    expire_timer.expires_after(expire_interval);
    boost::system::error_code cancelled;
    co_await expire_timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    expire_queue();
    if (current) {
      expire(current->requests, commit_sent);
    }
    if (ahead) {
      expire(ahead->requests, ahead->may_be_saved());
    }
  }
}

void committer::impl::expire(pending_list& list, bool may_be_saved) {
  const auto now = pg::clock::now();
  for (auto& waiting : list) {
    if (!waiting->answered() && (stop_now || waiting->request.until <= now)) {
      ++counted.expired;
      waiting->answer(may_be_saved ? unknown_problem() : unavailable_problem());
    }
  }
}

void committer::impl::expire_queue() {
  pending_list expired;
  {
    const std::lock_guard guard(mutex);
    const auto now = pg::clock::now();
    const auto is_over = [&](const pending_ptr& waiting) {
      return stop_now || waiting->request.until <= now;
    };
    for (const auto& waiting : queue) {
      if (is_over(waiting)) {
        queued_commands -= waiting->request.commands.size();
        queued_bytes -= waiting->bytes;
        expired.push_back(waiting);
      }
    }
    if (!expired.empty()) {
      std::erase_if(queue, is_over);
    }
  }
  expire(expired, false);
}

// False when there is no point in waiting any longer: nobody of the current batch waits for the answer, or
// the drain is over.
asio::awaitable<bool> committer::impl::ensure_connection() {
  while (!connection || !connection->is_open()) {
    connection.reset();
    counted.connected = false;
    if (!current || !current->anyone_waits() || stop_now) {
      co_return false;
    }
    if (backoff > 0ms) {
      const auto jitter =
          std::uniform_int_distribution<std::int64_t>(backoff.count() / 2, backoff.count())(random);
      co_await pause(std::chrono::milliseconds(jitter));
    }
    co_await connect_once();
  }
  co_return true;
}

// One try; on failure the next one should wait a little longer.
asio::awaitable<void> committer::impl::connect_once() {
  connection.reset();
  counted.connected = false;
  backoff = std::clamp<std::chrono::milliseconds>(backoff * 2, backoff_min, backoff_max);
  try {
    auto options_now = connect;
    const auto until = pg::clock::now() + connect_timeout;
    auto opened = co_await pg::connection::open(strand, std::move(options_now), until);
    pg::segment ask;
    ask.add(statements::read_log_id, {}, pg::result_format::binary);
    ask.add(statements::read_definitions, {}, pg::result_format::binary);
    projection.add_trust_query(ask);
    const auto answer = co_await opened->run_ok(std::move(ask), until);
    hasher = std::make_unique<core::chain_hasher>(log_id_of(answer.results.at(0)));
    identity_fixed = false;
    definitions.load(answer.results.at(1));
    known.forget();
    known.distrust(projection.read_distrusted(answer.results.at(2)));
    const auto go_on = [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || !self->waits_for_socket.exchange(false)) return;
      asio::post(self->strand, [self] { self->start_ahead(); });
    };
    opened->on_all_sent(go_on);
    connection = std::move(opened);
    counted.backend_pid = connection->backend_pid();
    counted.connected = true;
    backoff = 0ms;
  } catch (const std::runtime_error& failed) {
    spdlog::warn("committer: {}", failed.what());
  }
}

asio::awaitable<void> committer::impl::process() {
  const auto end = co_await attempt(*current, look_ahead::yes);
  if (end == attempt_end::poisoned) {
    co_await bisect(current->requests);
  }
}

asio::awaitable<void> committer::impl::roll_back() {
  if (!connection || !connection->is_open()) {
    co_return;
  }
  try {
    pg::segment work;
    work.add(statements::rollback);
    co_await connection->run(std::move(work), call_deadline());
  } catch (const pg::unavailable&) {
    connection->close();
  }
}

} // namespace synclog::eventstore
