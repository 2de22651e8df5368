// One batch from its look-ups to its rows, and what happens when that does not end well. Two ways lead there.
// The short one: everything is decided on what is known, and sent at once (batch_known.cpp). The long one:
// the state is looked up under the head lock, and what is decided on it is sent in a second round trip.
// Everything here runs on the committer's strand.
#include "eventstore/committer_impl.hpp"

#include "core/bytes.hpp"
#include "core/clock.hpp"
#include "eventstore/failpoint.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <utility>

namespace synclog::eventstore {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t max_segment_bytes = 256u << 20;

} // namespace

void flight::restart() {
  work.reset();
  asked.clear();
  sent.reset();
  route = way::looked_up;
}

void flight::lose() {
  lost.push_back({std::move(work), requests});
  restart();
}

bool flight::take_found(const pg::segment_result& answer) {
  const auto first = answer.results.size() - lost.size();
  for (std::size_t index = 0; index < lost.size(); ++index) {
    const auto& rows = answer.results.at(first + index);
    const auto hash = lost[index].work->head_after().hash;
    const std::string_view wanted = core::bytes_of(hash);
    if (rows.size() == 1 && rows.text(0, 0) == wanted) {
      work = std::move(lost[index].work);
      requests = std::move(lost[index].requests);
      lost.clear();
      asked.clear();
      is_found = true;
      return true;
    }
  }
  return false;
}

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
    commit_sent = tried.may_be_saved();
    if (!tried.sent) {
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
          expire(tried.requests, tried.may_be_saved());
        }
        continue;
      }
    }
    attempt_end end = attempt_end::again;
    bool impossible = false;
    try {
      end = co_await attempt_once(tried, next);
    } catch (const pg::unavailable& failed) {
      // Before the commit was sent: nothing is saved by this attempt, and the same requests may try again.
      spdlog::warn("committer: {}", failed.what());
      connection->close();
      connection.reset();
    } catch (const std::exception& broken) {
      // Too large to send, out of memory, a row of the log that cannot be read: these requests fail, the
      // server does not.
      spdlog::error("committer: {}", broken.what());
      impossible = true;
    }
    if (impossible && !tried.sent) {
      end = co_await give_up(tried);
    } else if (impossible) {
      // Memory ran out beside a commit: what became of it must be looked for, unless it is over already.
      end = tried.work ? co_await settle_lost(tried) : attempt_end::answered;
    }
    if (end == attempt_end::answered) {
      co_return end;
    }
    tried.restart();
    const bool is_over = end == attempt_end::unavailable || end == attempt_end::poisoned;
    if (end == attempt_end::unavailable || (is_over && tried.may_be_saved())) {
      answer_unsaved(tried);
      co_return attempt_end::answered;
    }
    if (is_over) {
      co_return end;
    }
    if (end == attempt_end::again) {
      ++counted.retries;
      co_await pause(5ms);
    }
  }
}

// They are not tried again; an earlier attempt may still come to be.
void committer::impl::answer_unsaved(flight& tried) {
  for (auto& waiting : tried.requests) {
    waiting->answer(tried.may_be_saved() ? unknown_problem() : unavailable_problem());
  }
  if (tried.may_be_saved()) {
    out.hint();
  }
}

// Nothing was sent to be saved. Alone, a request that cannot be carried out is refused; in company each is
// tried alone.
asio::awaitable<committer::impl::attempt_end> committer::impl::give_up(flight& tried) {
  co_await roll_back();
  co_await withdraw_ahead();
  known.forget();
  if (tried.requests.size() > 1 || !tried.lost.empty()) {
    co_return attempt_end::poisoned;
  }
  auto why = core::make_problem(
      core::problem_code::too_large,
      "the request, with the records that it changes, is too large for one transaction; nothing was saved");
  tried.requests.front()->answer(std::move(why));
  co_return attempt_end::answered;
}

// One transaction. Throws pg::unavailable only while nothing can have been saved.
asio::awaitable<committer::impl::attempt_end> committer::impl::attempt_once(flight& tried, look_ahead next) {
  if (!tried.work) {
    set_out(tried, next);
  }
  if (!tried.sent) {
    const std::optional<attempt_end> end = co_await look_up(tried, next);
    if (end) {
      co_return *end;
    }
  }
  co_return co_await settle(tried, next);
}

// From the look-ups that were sent to the rows. Empty when these are on their way.
asio::awaitable<std::optional<committer::impl::attempt_end>> committer::impl::look_up(flight& tried,
                                                                                      look_ahead next) {
  if (tried.route == way::locked) {
    const std::optional<attempt_end> end = co_await decide_locked(tried);
    if (end || tried.sent) {
      co_return end;
    }
  }
  if (auto failed = co_await load_lookups(tried)) {
    co_return co_await refuse_lookup(std::move(*failed));
  }
  if (tried.is_found) {
    // An earlier attempt is in the log after all.
    co_await roll_back();
    known.forget();
    count_committed(tried);
    co_await load_replayed(*tried.work);
    finish(tried, next);
    co_return attempt_end::answered;
  }
  const bool some_left = std::any_of(tried.requests.begin(), tried.requests.end(),
                                     [](const pending_ptr& waiting) { return waiting->answered(); });
  if (some_left) {
    // Somebody's deadline passed during the look-up and he was told that nothing is saved: decide without
    // him.
    co_await roll_back();
    co_return attempt_end::again;
  }
  const std::optional<attempt_end> outdated = co_await refresh_definitions(tried.work->revisions());
  if (outdated) {
    co_return outdated;
  }
  tried.work->decide(core::now());
  known.saw(tried.work->head_before());
  if (tried.work->writes_anything()) {
    send_rows(tried);
    co_return std::nullopt;
  }
  co_await roll_back();
  if (tried.may_be_saved()) {
    // Nothing that is written now keeps the earlier attempt from coming to be.
    co_return attempt_end::unavailable;
  }
  co_await load_replayed(*tried.work);
  finish(tried, next);
  co_return attempt_end::answered;
}

// The lock is asked for. Whoever has come meanwhile takes part, and what cannot be decided on what is known
// then is looked up under the lock. Empty: the rows are sent, or the look-ups.
asio::awaitable<std::optional<committer::impl::attempt_end>> committer::impl::decide_locked(flight& tried) {
  if (auto failed = co_await load_lookups(tried)) {
    co_return co_await refuse_lookup(std::move(*failed));
  }
  const auto head = tried.work->head_before();
  const std::optional<attempt_end> outdated = co_await refresh_definitions(head.revisions);
  if (outdated) {
    co_return outdated;
  }
  known.saw(head);
  std::erase_if(tried.requests, [](const pending_ptr& waiting) { return waiting->answered(); });
  for (auto& waiting : take_batch(tried.requests)) {
    definitions.refuse_outdated(waiting->request.commands);
    tried.requests.push_back(std::move(waiting));
  }
  if (tried.requests.empty()) {
    co_await roll_back();
    co_return attempt_end::answered;
  }
  if (decide_on_known(tried)) {
    send_rows(tried);
  } else {
    ask_lookups(tried, in_transaction::yes);
  }
  co_return std::nullopt;
}

asio::awaitable<committer::impl::attempt_end> committer::impl::refuse_lookup(pg::failure why) {
  last_failure = std::move(why);
  spdlog::warn("committer: look-up refused: {} {}", last_failure->sqlstate, last_failure->message);
  co_await roll_back();
  const auto end = end_of(*last_failure);
  // A newer definition may have taken away what the look-ups of this server's one ask for: whoever writes by
  // it is told so, instead of that something broke.
  const bool outdated = end == attempt_end::poisoned && co_await has_newer_definitions();
  co_return outdated ? attempt_end::again : end;
}

// Empty when they are current. Otherwise another server has adopted one; under the head lock nobody else can
// at this moment.
asio::awaitable<std::optional<committer::impl::attempt_end>>
committer::impl::refresh_definitions(std::int64_t revisions) {
  if (definitions.are_current(revisions)) {
    co_return std::nullopt;
  }
  const auto failed = co_await load_definitions();
  co_await roll_back();
  co_return failed ? end_of(*failed) : attempt_end::again;
}

// The first failure, if there is one; the transaction is then to be rolled back.
asio::awaitable<std::optional<pg::failure>> committer::impl::load_lookups(flight& tried) {
  for (const auto& one : tried.asked) {
    auto answer = co_await one->get();
    if (!answer.ok()) {
      co_return std::move(answer.failed);
    }
    if (tried.take_found(answer)) {
      co_return std::nullopt;
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

asio::awaitable<std::optional<pg::failure>> committer::impl::load_definitions() {
  pg::segment ask;
  ask.mark_explicit_transaction();
  ask.add(statements::read_definitions, {}, pg::result_format::binary);
  projection.add_trust_query(ask);
  auto answer = co_await connection->run(std::move(ask), call_deadline());
  if (answer.ok()) {
    definitions.load(answer.results.at(0));
    known.distrust(projection.read_distrusted(answer.results.at(1)));
  }
  co_return std::move(answer.failed);
}

// Outside a transaction: whether definitions were adopted since they were loaded last, which they are now.
asio::awaitable<bool> committer::impl::has_newer_definitions() {
  const auto before = definitions.sum_of_revisions();
  const auto failed = co_await load_definitions();
  co_return !failed && !definitions.are_current(before);
}

// What was decided, with its COMMIT. The next batch may be decided on what it will have done.
void committer::impl::send_rows(flight& decided) {
  if (decided.work->bytes() > max_segment_bytes) {
    throw std::length_error("the batch is too large to send");
  }
  auto rows =
      decided.route == way::whole ? decided.work->writes_whole() : decided.work->writes(batch_ending::commit);
  decided.work->teach(known);
  failpoint::pass(failpoint::place::before_commit);
  decided.sent = pg::pending_answer::send(strand, *connection, std::move(rows), call_deadline());
}

} // namespace synclog::eventstore
