// What became of a batch whose rows and COMMIT were sent, and who is told. Everything here runs on the
// committer's strand, answers on the answering one.
#include "eventstore/committer_impl.hpp"

#include "eventstore/failpoint.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <utility>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

// Answered by the committer's own thread when it has nothing else to do.
constexpr std::size_t max_told_here = 8;

// 01000 beside the commit: its wait for a standby was cancelled. It may be lost in a failover, so it is not
// acknowledged.
bool is_unreplicated(const pg::segment_result& written) {
  return std::any_of(written.warnings.begin(), written.warnings.end(),
                     [](const pg::failure& warning) { return warning.sqlstate == "01000"; });
}

} // namespace

// Awaits the answer to COMMIT, and lets the next batch set out meanwhile.
asio::awaitable<committer::impl::attempt_end> committer::impl::settle(flight& tried, look_ahead next) {
  commit_sent = true;
  // Replayed records are read behind this commit: not behind the whole of the next batch, too.
  may_start_ahead = next == look_ahead::yes && tried.work->replayed_positions().empty();
  had_to_wait = false;
  start_ahead();
  pg::segment_result answer;
  bool is_lost = false;
  try {
    answer = co_await tried.sent->get();
    is_lost = answer.ok() && answer.results.back().command_tag() != "COMMIT";
  } catch (const std::length_error&) {
    may_start_ahead = false;
    tried.sent.reset(); // it could not be sent at all
    throw;
  } catch (const std::exception& failed) {
    spdlog::warn("committer: outcome unknown: {}", failed.what());
    is_lost = true;
  }
  may_start_ahead = false;
  if (is_lost) {
    co_return co_await settle_lost(tried);
  }
  if (!answer.ok()) {
    co_return co_await settle_refused(tried, std::move(*answer.failed));
  }
  if (ahead && ahead->work && ahead->route == way::looked_up) {
    join(*ahead, take_batch(ahead->requests));
  }
  identity_fixed = identity_fixed || !tried.work->events().empty();
  if (tried.route != way::looked_up) {
    proof_route.held();
  }
  if (tried.route == way::whole) {
    fence_route.held();
    ++counted.short_batches;
  }
  if (is_unreplicated(answer)) {
    ++counted.unknown;
    out.hint();
    for (const auto& waiting : tried.requests) {
      waiting->answer(unknown_problem());
    }
    co_return attempt_end::answered;
  }
  failpoint::pass(failpoint::place::after_commit);
  count_committed(tried);
  co_await load_replayed(*tried.work);
  finish(tried, next);
  co_return attempt_end::answered;
}

// The connection broke during the commit, or the COMMIT did something else. The next attempt looks for this
// one under the head lock, in the transaction that would save the same requests again.
asio::awaitable<committer::impl::attempt_end> committer::impl::settle_lost(flight& tried) {
  ++counted.unknown;
  connection->close();
  co_await withdraw_ahead();
  known.forget();
  if (tried.work->events().empty()) {
    co_return attempt_end::again; // answers under keys alone: looked up under their keys, or kept again
  }
  tried.lose();
  co_return tried.lost.size() > flight::max_lost ? attempt_end::unavailable : attempt_end::again;
}

// The connection is as good as before; nothing was saved, nor was anything that was sent behind it.
asio::awaitable<committer::impl::attempt_end> committer::impl::settle_refused(flight& tried,
                                                                              pg::failure why) {
  last_failure = std::move(why);
  co_await roll_back();
  co_await withdraw_ahead();
  known.forget();
  tried.sent.reset();
  const auto end = end_of(*last_failure);
  if (tried.route == way::looked_up) {
    spdlog::warn("committer: batch refused: {} {}", last_failure->sqlstate, last_failure->message);
    co_return end;
  }
  const bool is_fenced = tried.route == way::whole && last_failure->query_index == batch::fence_index;
  if (is_fenced) {
    ++counted.fenced;
    fence_route.refused();
  } else if (end == attempt_end::poisoned) {
    ++counted.disproven;
    proof_route.refused();
  }
  spdlog::debug("committer: to be looked up: {} {}", last_failure->sqlstate, last_failure->message);
  co_return end == attempt_end::poisoned ? attempt_end::look_up : end;
}

void committer::impl::count_committed(const flight& over) {
  ++counted.batches;
  counted.events += over.work->events().size();
  counted.last_commit_us =
      std::chrono::duration_cast<std::chrono::microseconds>(pg::clock::now() - over.began).count();
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
  known.forget();
}

// Whoever waits for `over` is told, in the order of the log, while the next batch is decided. With nothing to
// decide, this thread does it: waking another would be the longer part.
void committer::impl::finish(flight& over, look_ahead next) {
  const bool is_idle =
      over.work->events().size() <= max_told_here && !ahead && tells_posted == 0 && !are_waiting(1);
  auto tell = [self = shared_from_this(), work = std::shared_ptr<batch>(std::move(over.work)),
               requests = std::exchange(over.requests, {})] {
    self->out.publish(work->begin(), work->events());
    failpoint::pass(failpoint::place::before_answer);
    self->answer_all(*work, requests);
    failpoint::pass(failpoint::place::after_answer);
  };
  if (next == look_ahead::no || is_idle) {
    // Requests that are being sought for a culprit are also the current batch's: they stay on this strand.
    tell();
    return;
  }
  ++tells_posted;
  auto tell_there = [tell = std::move(tell), self = shared_from_this()]() mutable {
    tell();
    --self->tells_posted;
  };
  asio::post(answering, std::move(tell_there));
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
