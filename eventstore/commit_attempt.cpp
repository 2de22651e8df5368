// One batch from its look-ups to its answers, and what happens when that does not end well. While one batch
// commits, the next sets out: its look-ups are sent behind the commit, on the same connection, so PostgreSQL
// goes on without a pause, and what they read includes what was committed. Nothing is decided on a state that
// might not come to be: when a commit fails, the look-ups behind it fail or are rolled back with it, and the
// next batch sets out anew. Everything here runs on the committer's strand.
#include "eventstore/committer_impl.hpp"

#include "core/clock.hpp"
#include "eventstore/failpoint.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/head_lock.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <utility>

namespace synclog::eventstore {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t max_segment_bytes = 256u << 20;

// 01000 beside the commit: its wait for a standby was cancelled. It may be lost in a failover, so it is not
// acknowledged.
bool is_unreplicated(const pg::segment_result& written) {
  return std::any_of(written.warnings.begin(), written.warnings.end(),
                     [](const pg::failure& warning) { return warning.sqlstate == "01000"; });
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

// Repeats until the requests are answered or poisoned. Requests whose deadline passed in between have been
// answered.
asio::awaitable<committer::impl::attempt_end> committer::impl::attempt(flight& tried, look_ahead next) {
  while (true) {
    if (!connection || !connection->is_open()) {
      tried.restart();
    }
    if (!tried.work) {
      std::erase_if(tried.requests, [](const pending_ptr& waiting) { return waiting->answered(); });
    }
    if (tried.requests.empty()) {
      co_return attempt_end::answered;
    }
    if (!co_await ensure_connection()) {
      if (stop_now) {
        expire(tried.requests, false);
      }
      continue;
    }
    attempt_end end = attempt_end::again;
    bool impossible = false;
    try {
      end = co_await attempt_once(tried, next);
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
      end = co_await give_up(tried);
    }
    if (end == attempt_end::answered) {
      co_return end;
    }
    tried.restart();
    if (end == attempt_end::unavailable) {
      for (auto& waiting : tried.requests) {
        waiting->answer(unavailable_problem());
      }
      co_return attempt_end::answered;
    }
    if (end == attempt_end::poisoned) {
      co_return end;
    }
    ++counted.retries;
    co_await pause(5ms);
  }
}

// Nothing was sent to be saved. Alone, a request that cannot be carried out is refused; in company each is
// tried alone.
asio::awaitable<committer::impl::attempt_end> committer::impl::give_up(flight& tried) {
  commit_sent = false;
  co_await roll_back();
  co_await withdraw_ahead();
  if (tried.requests.size() > 1) {
    co_return attempt_end::poisoned;
  }
  auto why = core::make_problem(
      core::problem_code::too_large,
      "the request, with the records that it changes, is too large for one transaction; nothing was saved");
  tried.requests.front()->answer(std::move(why));
  co_return attempt_end::answered;
}

// Sends the look-ups. Nothing is awaited: they may have to wait behind a commit.
void committer::impl::set_out(flight& begun) {
  failpoint::pass(failpoint::place::before_begin);
  begun.work = std::make_unique<batch>(projection, *hasher, options.max_record_bytes);
  for (const auto& waiting : begun.requests) {
    definitions.refuse_outdated(waiting->request.commands);
    begun.work->add(waiting->request);
  }
  begun.asked.push_back(
      pg::pending_answer::send(strand, *connection, begun.work->lookups(), call_deadline()));
}

// More requests for a batch that has set out and is not decided.
void committer::impl::join(flight& joined, pending_list more) {
  for (auto& waiting : more) {
    definitions.refuse_outdated(waiting->request.commands);
    joined.work->add(waiting->request);
    joined.requests.push_back(std::move(waiting));
  }
  auto lookups = joined.work->lookups();
  if (lookups.size() > 0) {
    joined.asked.push_back(
        pg::pending_answer::send(strand, *connection, std::move(lookups), call_deadline()));
  }
}

asio::awaitable<std::optional<pg::failure>> committer::impl::load_definitions() {
  pg::segment ask;
  ask.mark_explicit_transaction();
  ask.add(statements::read_definitions, {}, pg::result_format::binary);
  auto answer = co_await connection->run(std::move(ask), call_deadline());
  if (answer.ok()) {
    definitions.load(answer.results.at(0));
  }
  co_return std::move(answer.failed);
}

// Outside a transaction: whether definitions were adopted since they were loaded last, which they are now.
asio::awaitable<bool> committer::impl::has_newer_definitions() {
  const auto before = definitions.sum_of_revisions();
  const auto failed = co_await load_definitions();
  co_return !failed && !definitions.are_current(before);
}

// The first failure, if there is one; the transaction is then to be rolled back.
asio::awaitable<std::optional<pg::failure>> committer::impl::load_lookups(flight& tried) {
  for (const auto& one : tried.asked) {
    auto answer = co_await one->get();
    if (!answer.ok()) {
      co_return std::move(answer.failed);
    }
    if (!identity_fixed) {
      if (auto failed = co_await read_identity()) {
        co_return failed;
      }
    }
    tried.work->load(answer);
  }
  tried.asked.clear();
  identity_fixed = tried.work->begin().position.value > 0;
  co_return std::nullopt;
}

// An empty log may have taken over the identity of an imported one since the connection was opened. Asked in
// the batch's transaction, behind the head lock: what it answers holds until the batch has committed, and for
// ever once there are events.
asio::awaitable<std::optional<pg::failure>> committer::impl::read_identity() {
  pg::segment ask;
  ask.mark_explicit_transaction();
  ask.add(statements::read_log_id, {}, pg::result_format::binary);
  auto answer = co_await connection->run(std::move(ask), call_deadline());
  if (answer.ok()) {
    *hasher = core::chain_hasher(log_id_of(answer.results.at(0)));
  }
  co_return std::move(answer.failed);
}

// One transaction. Throws pg::unavailable only while nothing can have been saved.
asio::awaitable<committer::impl::attempt_end> committer::impl::attempt_once(flight& tried, look_ahead next) {
  const auto began = pg::clock::now();
  if (!tried.work) {
    set_out(tried);
  }
  if (auto failed = co_await load_lookups(tried)) {
    last_failure = std::move(failed);
    spdlog::warn("committer: look-up refused: {} {}", last_failure->sqlstate, last_failure->message);
    co_await roll_back();
    const auto end = end_of(*last_failure);
    // A newer definition may have taken away what the look-ups of this server's one ask for: whoever writes
    // by it is told so, instead of that something broke.
    const bool outdated = end == attempt_end::poisoned && co_await has_newer_definitions();
    co_return outdated ? attempt_end::again : end;
  }
  const bool some_left = std::any_of(tried.requests.begin(), tried.requests.end(),
                                     [](const pending_ptr& waiting) { return waiting->answered(); });
  if (some_left) {
    // Somebody's deadline passed during the look-up and he was told that nothing is saved: decide without
    // him.
    co_await roll_back();
    co_return attempt_end::again;
  }
  if (!definitions.are_current(tried.work->revisions())) {
    // Another server has adopted a definition. Under the head lock nobody else can at this moment.
    const auto failed = co_await load_definitions();
    co_await roll_back();
    co_return failed ? end_of(*failed) : attempt_end::again;
  }
  tried.work->decide(core::now());
  if (!tried.work->writes_anything()) {
    co_await roll_back();
    co_await load_replayed(*tried.work);
    finish(tried, next);
    co_return attempt_end::answered;
  }
  auto end = co_await commit(tried, next);
  if (end == commit_end::unknown) {
    ++counted.unknown;
    end = co_await resolve(tried);
  }
  commit_sent = false;
  switch (end) {
  case commit_end::refused:
    spdlog::warn("committer: batch refused: {} {}", last_failure->sqlstate, last_failure->message);
    co_await roll_back();
    co_await withdraw_ahead();
    co_return end_of(*last_failure);
  case commit_end::absent:
    co_return attempt_end::again;
  case commit_end::unreplicated:
    ++counted.unknown;
    out.hint();
    [[fallthrough]];
  case commit_end::unknown:
    for (const auto& waiting : tried.requests) {
      waiting->answer(unknown_problem());
    }
    co_return attempt_end::answered;
  case commit_end::committed:
    break;
  }
  failpoint::pass(failpoint::place::after_commit);
  ++counted.batches;
  counted.events += tried.work->events().size();
  counted.last_commit_us =
      std::chrono::duration_cast<std::chrono::microseconds>(pg::clock::now() - began).count();
  co_await load_replayed(*tried.work);
  finish(tried, next);
  co_return attempt_end::answered;
}

// Sends the rows and the COMMIT, lets the next batch set out behind them, and awaits what became of them.
asio::awaitable<committer::impl::commit_end> committer::impl::commit(flight& written, look_ahead next) {
  if (written.work->bytes() > max_segment_bytes) {
    throw std::length_error("the batch is too large to send");
  }
  auto rows = written.work->writes(batch_ending::commit);
  commit_sent = true;
  failpoint::pass(failpoint::place::before_commit);
  const auto sent = pg::pending_answer::send(strand, *connection, std::move(rows), call_deadline());
  may_start_ahead = next == look_ahead::yes;
  start_ahead();
  pg::segment_result answer;
  try {
    answer = co_await sent->get();
  } catch (const pg::unavailable& failed) {
    spdlog::warn("committer: outcome unknown: {}", failed.what());
    may_start_ahead = false;
    co_return commit_end::unknown;
  }
  may_start_ahead = false;
  if (!answer.ok()) {
    last_failure = std::move(answer.failed);
    co_return commit_end::refused;
  }
  if (answer.results.back().command_tag() != "COMMIT") {
    co_return commit_end::unknown;
  }
  if (ahead && ahead->work) {
    join(*ahead, take_batch(ahead->requests));
  }
  co_return is_unreplicated(answer) ? commit_end::unreplicated : commit_end::committed;
}

// The next batch sets out while the current one commits. Also called when the first request comes meanwhile.
void committer::impl::start_ahead() {
  if (!may_start_ahead || ahead || !connection->is_open()) {
    return;
  }
  auto taken = take_batch({});
  if (taken.empty()) {
    return;
  }
  ahead = std::make_unique<flight>(std::move(taken));
  set_out(*ahead);
  ++counted.overlapped;
}

// Behind a ROLLBACK, or on a closed connection: what the next batch had asked is void.
asio::awaitable<void> committer::impl::withdraw_ahead() {
  if (!ahead) {
    co_return;
  }
  for (const auto& one : ahead->asked) {
    try {
      co_await one->get();
    } catch (const std::exception&) {
      // It sets out anew.
    }
  }
  ahead->restart();
}

// The connection broke during the commit, or the COMMIT did something else.
asio::awaitable<committer::impl::commit_end> committer::impl::resolve(const flight& lost) {
  connection->close();
  co_await withdraw_ahead();
  const auto& events = lost.work->events();
  if (events.empty()) {
    co_return commit_end::absent; // answers under keys alone: to be kept again
  }
  const auto saved = co_await committed_after_all(lost.work->end(), events.back().hash);
  if (!saved) {
    co_return commit_end::unknown;
  }
  co_return *saved ? commit_end::committed : commit_end::absent;
}

// The answer to COMMIT was lost. The old backend may still be committing: its head lock is waited for, then
// the log is asked for the hash that the batch's last event would have. Retried until the database answers;
// empty when nobody waits any longer, or the server must stop.
asio::awaitable<std::optional<bool>> committer::impl::committed_after_all(core::cursor end,
                                                                          core::sha256_digest hash) {
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
    co_return;
  } catch (const std::runtime_error& failed) {
    // Those requests are answered 503 by take_answers(): asking again with the same key is safe.
    spdlog::warn("committer: replayed records: {}", failed.what());
  }
  // The next batch's look-ups shared its transaction.
  co_await roll_back();
  co_await withdraw_ahead();
}

// Whoever waits for `over` is told, in the order of the log, while the next batch is decided.
void committer::impl::finish(flight& over, look_ahead next) {
  auto tell = [self = shared_from_this(), work = std::shared_ptr<batch>(std::move(over.work)),
               requests = std::exchange(over.requests, {})] {
    self->out.publish(work->begin(), work->events());
    failpoint::pass(failpoint::place::before_answer);
    self->answer_all(*work, requests);
    failpoint::pass(failpoint::place::after_answer);
  };
  if (next == look_ahead::no) {
    // Requests that are being sought for a culprit are also the current batch's: they stay on this strand.
    tell();
  } else {
    asio::post(answering, std::move(tell));
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
