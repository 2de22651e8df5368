// The commit loop: one transaction after the other on one connection, and what happens when one does not end
// well. Everything here runs on the committer's strand.
#include "eventstore/committer_impl.hpp"

#include "core/clock.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/head_lock.hpp"
#include "eventstore/pg/sqlstate.hpp"
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
constexpr std::size_t max_segment_bytes = 256u << 20;

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

} // namespace

// What to do with a batch that the database refused.
committer::impl::attempt_end committer::impl::end_of(const pg::failure& failed) {
  switch (pg::classify(failed.sqlstate)) {
  case pg::meaning::retry:
  case pg::meaning::stale_plan:
  case pg::meaning::shutting_down:
    return attempt_end::again;
  case pg::meaning::out_of_resources:
  case pg::meaning::timed_out:
  case pg::meaning::not_allowed:
    return attempt_end::unavailable;
  default:
    return attempt_end::poisoned;
  }
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
    auto taken = take_batch();
    if (!taken.empty()) {
      co_await process(std::move(taken));
      continue;
    }
    {
      const std::lock_guard guard(mutex);
      if (draining) {
        break;
      }
    }
    // An idle server keeps its connection too: it is ready, and the first write does not wait for a connect.
    if (!connection || !connection->is_open()) {
      co_await connect_once();
    }
    // wake() is posted to this strand, so it cannot run between take_batch() and this wait.
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

// Deadlines are kept here, not by a timer a request: nobody waits past his own, whatever the database does.
asio::awaitable<void> committer::impl::expire_loop() {
  auto self = shared_from_this();
  while (true) {
    {
      const std::lock_guard guard(mutex);
      if (draining && queue.empty() && in_flight.empty()) {
        break;
      }
    }
    expire_timer.expires_after(expire_interval);
    boost::system::error_code cancelled;
    co_await expire_timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    expire_queue();
    expire(in_flight, commit_sent);
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

// False when there is no point in waiting any longer: nobody in flight waits for the answer, or the drain is
// over.
asio::awaitable<bool> committer::impl::ensure_connection() {
  while (!connection || !connection->is_open()) {
    connection.reset();
    counted.connected = false;
    const bool someone_waits = std::any_of(in_flight.begin(), in_flight.end(),
                                           [](const pending_ptr& waiting) { return !waiting->answered(); });
    if (!someone_waits || stop_now) {
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
    const auto answer = co_await opened->run_ok(std::move(ask), until);
    core::uuid log_id{};
    const auto& rows = answer.results.at(0);
    if (rows.size() != 1 || rows.text(0, 0).size() != log_id.size()) {
      throw pg::unavailable("the database has no log");
    }
    std::memcpy(log_id.data(), rows.text(0, 0).data(), log_id.size());
    hasher = std::make_unique<core::chain_hasher>(log_id);
    connection = std::move(opened);
    counted.backend_pid = connection->backend_pid();
    counted.connected = true;
    backoff = 0ms;
  } catch (const std::runtime_error& failed) {
    spdlog::warn("committer: {}", failed.what());
  }
}

asio::awaitable<void> committer::impl::process(pending_list taken) {
  in_flight = taken;
  const auto end = co_await attempt(taken);
  if (end == attempt_end::poisoned) {
    co_await bisect(std::move(taken));
  }
  in_flight.clear();
}

// Repeats until the requests are answered or poisoned. Requests whose deadline passed in between have been
// answered.
asio::awaitable<committer::impl::attempt_end> committer::impl::attempt(pending_list requests) {
  while (true) {
    std::erase_if(requests, [](const pending_ptr& waiting) { return waiting->answered(); });
    if (requests.empty()) {
      co_return attempt_end::answered;
    }
    if (!co_await ensure_connection()) {
      if (stop_now) {
        expire(requests, false);
      }
      continue;
    }
    attempt_end end = attempt_end::again;
    bool impossible = false;
    try {
      end = co_await attempt_once(requests);
    } catch (const pg::unavailable& failed) {
      // Before the commit was sent: nothing is saved, and the same requests may try again.
      spdlog::warn("committer: {}", failed.what());
      connection->close();
      connection.reset();
    } catch (const std::exception& broken) {
      // Too large to send, out of memory, a row of the log that cannot be read: these requests fail, the
      // server does not.
      spdlog::error("committer: {}", broken.what());
      impossible = true;
    }
    if (impossible) {
      end = co_await give_up(requests);
    }
    if (end == attempt_end::unavailable) {
      for (auto& waiting : requests) {
        waiting->answer(unavailable_problem());
      }
      co_return attempt_end::answered;
    }
    if (end != attempt_end::again) {
      co_return end;
    }
    ++counted.retries;
    co_await pause(5ms);
  }
}

// Nothing was sent to be saved. Alone, a request that cannot be carried out is refused; in company each is
// tried alone.
asio::awaitable<committer::impl::attempt_end> committer::impl::give_up(pending_list requests) {
  commit_sent = false;
  co_await roll_back();
  if (requests.size() > 1) {
    co_return attempt_end::poisoned;
  }
  auto why = core::make_problem(
      core::problem_code::too_large,
      "the request, with the records that it changes, is too large for one transaction; nothing was saved");
  requests.front()->answer(std::move(why));
  co_return attempt_end::answered;
}

// One transaction. Throws pg::unavailable only while nothing can have been saved.
asio::awaitable<committer::impl::attempt_end> committer::impl::attempt_once(pending_list requests) {
  const auto began = pg::clock::now();
  batch work(projection, *hasher, options.max_record_bytes);
  for (const auto& waiting : requests) {
    work.add(waiting->request);
  }
  auto lookups = work.lookups();
  auto looked_up = co_await connection->run(std::move(lookups), call_deadline());
  if (!looked_up.ok()) {
    last_failure = std::move(looked_up.failed);
    spdlog::warn("committer: look-up refused: {} {}", last_failure->sqlstate, last_failure->message);
    co_await roll_back();
    co_return end_of(*last_failure);
  }
  const bool some_left = std::any_of(requests.begin(), requests.end(),
                                     [](const pending_ptr& waiting) { return waiting->answered(); });
  if (some_left) {
    // Somebody's deadline passed during the look-up and he was told that nothing is saved: decide without
    // him.
    co_await roll_back();
    co_return attempt_end::again;
  }
  work.load(looked_up);
  work.decide(core::now());
  if (!work.writes_anything()) {
    co_await roll_back();
    co_await load_replayed(work);
    answer_all(work, requests);
    co_return attempt_end::answered;
  }

  auto rows = work.writes(batch_ending::commit);
  if (work.bytes() > max_segment_bytes) {
    throw std::length_error("the batch is too large to send");
  }
  commit_sent = true;
  bool lost = false;
  pg::segment_result written;
  try {
    written = co_await connection->run(std::move(rows), call_deadline());
  } catch (const pg::unavailable& failed) {
    spdlog::warn("committer: outcome unknown: {}", failed.what());
    lost = true;
  }
  // 01000 beside the commit: its wait for a standby was cancelled. It may be lost in a failover, so it is not
  // acknowledged.
  const bool unreplicated =
      std::any_of(written.warnings.begin(), written.warnings.end(),
                  [](const pg::failure& warning) { return warning.sqlstate == "01000"; });
  if (written.ok() && unreplicated && !lost) {
    ++counted.unknown;
    commit_sent = false;
    out.hint();
    for (const auto& waiting : requests) {
      waiting->answer(unknown_problem());
    }
    co_return attempt_end::answered;
  }
  if (lost || (written.ok() && written.results.back().command_tag() != "COMMIT")) {
    ++counted.unknown;
    core::sha256_digest hash{};
    if (!work.events().empty()) {
      hash = work.events().back().hash;
    }
    std::optional<bool> saved = false;
    if (connection) {
      connection->close();
    }
    if (!work.events().empty()) {
      saved = co_await committed_after_all(work.end(), hash);
    }
    commit_sent = false;
    if (!saved) {
      for (const auto& waiting : requests) {
        waiting->answer(unknown_problem());
      }
      co_return attempt_end::answered;
    }
    if (!*saved) {
      co_return attempt_end::again;
    }
  } else {
    commit_sent = false;
    if (!written.ok()) {
      last_failure = std::move(written.failed);
      spdlog::warn("committer: batch refused: {} {}", last_failure->sqlstate, last_failure->message);
      co_await roll_back();
      co_return end_of(*last_failure);
    }
  }
  ++counted.batches;
  counted.events += work.events().size();
  counted.last_commit_us =
      std::chrono::duration_cast<std::chrono::microseconds>(pg::clock::now() - began).count();
  out.publish(work.begin(), work.events());
  co_await load_replayed(work);
  answer_all(work, requests);
  co_return attempt_end::answered;
}

// The answer to COMMIT was lost. The old backend may still be committing: its head lock is waited for, then
// the log is asked for the hash that the batch's last event would have. Retried until the database answers;
// empty when nobody waits any longer, or the server must stop.
asio::awaitable<std::optional<bool>> committer::impl::committed_after_all(core::cursor end,
                                                                          core::sha256_digest hash) {
  if (connection) {
    connection->close();
  }
  while (co_await ensure_connection()) {
    try {
      pg::segment ask;
      ask.add(statements::begin);
      ask.add(statements::lock_head, std::move(pg::params().int8(head_lock_key)));
      ask.add(statements::hash_at, std::move(pg::params().int8(end.position.value)),
              pg::result_format::binary);
      ask.add(statements::commit);
      auto answer = co_await connection->run(std::move(ask), call_deadline());
      if (answer.ok()) {
        const auto& rows = answer.results.at(2);
        co_return rows.size() == 1 &&
            rows.text(0, 0) == std::string_view(reinterpret_cast<const char*>(hash.data()), hash.size());
      }
      spdlog::warn("committer: looking for the outcome: {}", answer.failed->message);
      co_await roll_back();
    } catch (const pg::unavailable& failed) {
      spdlog::warn("committer: looking for the outcome: {}", failed.what());
      if (connection) {
        connection->close();
      }
    }
  }
  co_return std::nullopt;
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

asio::awaitable<void> committer::impl::load_replayed(batch& decided) {
  const auto positions = decided.replayed_positions();
  if (positions.empty() || !connection || !connection->is_open()) {
    co_return;
  }
  try {
    pg::segment work;
    work.add(statements::data_at, std::move(pg::params().int8_array(positions)), pg::result_format::binary);
    const auto answer = co_await connection->run_ok(std::move(work), call_deadline());
    decided.load_replayed(answer.results.at(0));
  } catch (const std::runtime_error& failed) {
    // Those requests are answered 503 by take_answers(): asking again with the same key is safe.
    spdlog::warn("committer: replayed records: {}", failed.what());
  }
}

void committer::impl::answer_all(batch& decided, const pending_list& requests) {
  auto answers = decided.take_answers();
  for (std::size_t index = 0; index < requests.size(); ++index) {
    ++counted.requests;
    if (answers[index]) {
      for (const auto& item : answers[index]->items) {
        counted.unchanged += item.status == core::item_status::unchanged ? 1 : 0;
        counted.rejected += item.status == core::item_status::rejected ? 1 : 0;
      }
    }
    requests[index]->answer(std::move(answers[index]));
  }
}

} // namespace synclog::eventstore
