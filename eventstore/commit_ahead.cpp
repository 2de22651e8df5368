// The next batch sets out while the one before commits, on the same connection. Either its look-ups are sent
// behind that commit: they run as soon as it is done, and see what it did. Or, where everything is known, all
// of it: decided on what the one before will have done, with a fence that lets it pass only if exactly that
// came to be. When a commit fails, what was sent behind it fails or is rolled back, and the next batch sets
// out anew. Everything here runs on the committer's strand.
#include "eventstore/committer_impl.hpp"

#include "core/clock.hpp"
#include "eventstore/failpoint.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <spdlog/spdlog.h>
#include <stdexcept>
#include <utility>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

// A larger batch is looked up: to have it refused would cost more than the look-ups.
constexpr std::size_t max_guessed_commands = 2'000;
// A local socket takes so much at once: a usual batch of single records.
constexpr std::size_t much_unsent = 128u << 10;

} // namespace

// Sends what can be sent. Nothing is awaited: it may have to wait behind a commit.
void committer::impl::set_out(flight& begun, look_ahead next) {
  failpoint::pass(failpoint::place::before_begin);
  begun.began = pg::clock::now();
  for (const auto& waiting : begun.requests) {
    definitions.refuse_outdated(waiting->request.commands);
  }
  if (next == look_ahead::no || !begun.lost.empty()) {
    ask_lookups(begun, in_transaction::no);
    return;
  }
  const bool is_alone = fence_route.is_open();
  const bool is_new = proof_route.is_open();
  if (is_alone && is_new && set_out_whole(begun)) {
    return;
  }
  if (is_new && !is_alone) {
    ask_lock(begun);
  } else {
    ask_lookups(begun, in_transaction::no);
  }
}

bool committer::impl::set_out_whole(flight& begun) {
  if (!identity_fixed || !known.head() || !definitions.are_current(known.head()->revisions) ||
      !decide_on_known(begun)) {
    return false;
  }
  begun.route = way::whole;
  send_rows(begun);
  return true;
}

// False: it must be looked up.
bool committer::impl::decide_on_known(flight& begun) {
  auto work = std::make_unique<batch>(projection, *hasher, options.max_record_bytes);
  std::size_t commands = 0;
  for (const auto& waiting : begun.requests) {
    commands += waiting->request.commands.size();
    work->add(waiting->request);
  }
  if (commands > max_guessed_commands || !work->decide_on_known(known, core::now())) {
    return false;
  }
  begun.work = std::move(work);
  return true;
}

// Who comes until the lock is had takes part.
void committer::impl::ask_lock(flight& begun) {
  begun.route = way::locked;
  begun.work = std::make_unique<batch>(projection, *hasher, options.max_record_bytes);
  begun.asked.push_back(
      pg::pending_answer::send(strand, *connection, begun.work->lookups(), call_deadline()));
}

void committer::impl::ask_lookups(flight& begun, in_transaction is_open) {
  begun.route = way::looked_up;
  begun.work = std::make_unique<batch>(projection, *hasher, options.max_record_bytes);
  for (const auto& waiting : begun.requests) {
    begun.work->add(waiting->request);
  }
  auto lookups = begun.work->lookups(is_open);
  for (const auto& attempt : begun.lost) {
    const auto last = attempt.work->end().position.value;
    lookups.add(statements::hash_at, std::move(pg::params().int8(last)), pg::result_format::binary);
  }
  begun.asked.push_back(pg::pending_answer::send(strand, *connection, std::move(lookups), call_deadline()));
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

// To decide a large batch takes milliseconds of this thread, in which it would give the database nothing of
// the one before. Small ones may leave in one piece with it.
bool committer::impl::must_wait_for_socket() {
  waits_for_socket = true; // first: what goes out from here on is told
  const auto bound = are_many_waiting() ? 0 : much_unsent;
  if (connection->unsent_bytes() > bound) {
    return true;
  }
  waits_for_socket = false;
  return false;
}

// Also called when requests come meanwhile. A batch that is sent whole can take in no more, so it waits until
// as many are there as are on their way: more, smaller batches would cost more than the wait.
void committer::impl::start_ahead() {
  if (!may_start_ahead || ahead || !connection || !connection->is_open()) {
    return;
  }
  if (must_wait_for_socket()) {
    had_to_wait = true;
    return;
  }
  const bool may_be_whole = known.head() && !fence_route.is_paused() && !proof_route.is_paused();
  if (may_be_whole && !are_waiting(std::max<std::size_t>(1, current->requests.size()))) {
    return;
  }
  auto taken = take_batch({});
  if (taken.empty()) {
    had_to_wait = false;
    return;
  }
  ahead = std::make_unique<flight>(std::move(taken));
  try {
    set_out(*ahead, look_ahead::yes);
  } catch (const std::exception& broken) {
    // Its own attempt meets the same, and says so.
    spdlog::error("committer: {}", broken.what());
    if (!ahead->sent && ahead->asked.empty()) {
      ahead->restart();
    }
  }
  ++counted.overlapped;
  counted.deferred += std::exchange(had_to_wait, false) ? 1 : 0;
  counted.pipelined += ahead->sent ? 1 : 0;
}

// Behind a ROLLBACK, or on a closed connection: what the next batch had asked is void. Where it cannot be
// told whether it was saved, it counts as lost.
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
  if (!ahead->sent) {
    ahead->restart();
    co_return;
  }
  bool was_refused = false;
  try {
    const auto answer = co_await ahead->sent->get();
    was_refused = !answer.ok();
  } catch (const std::length_error&) {
    was_refused = true; // it could not be sent at all
  } catch (const std::exception&) {
    // Its deadline, or the connection.
  }
  if (was_refused) {
    ahead->restart();
  } else {
    ahead->lose();
  }
}

} // namespace synclog::eventstore
