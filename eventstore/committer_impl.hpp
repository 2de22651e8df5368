// The committer's inside: shared between committer.cpp (the queue and its door), commit_loop.cpp (the loop,
// its connection, deadlines), commit_attempt.cpp (one transaction, from its look-ups to its rows),
// commit_settle.cpp (what became of it), commit_ahead.cpp (the next one, behind it) and bisect.cpp (whom the
// database refuses).
#pragma once
#include "core/chain.hpp"
#include "eventstore/batch.hpp"
#include "eventstore/committer.hpp"
#include "eventstore/definition_guard.hpp"
#include "eventstore/known_log.hpp"
#include "eventstore/pg/pending_answer.hpp"
#include "eventstore/reply_slot.hpp"
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

namespace synclog::eventstore {

// A request that waits for its answer. Once answered (deadline passed) it takes no further part.
struct pending_write {
  write_request request;
  std::unique_ptr<reply_slot<core::result<write_outcome>>> slot;
  std::size_t bytes = 0;

  bool answered() const { return slot == nullptr; }
  void answer(core::result<write_outcome> result) {
    if (auto waiting = std::move(slot)) {
      waiting->complete(std::move(result));
    }
  }
};
using pending_ptr = std::shared_ptr<pending_write>;
using pending_list = std::vector<pending_ptr>;

core::problem unavailable_problem(); // nothing was saved
core::problem unknown_problem();     // it may or may not be saved

// What read_log_id answered. Throws pg::unavailable when there is no log.
core::uuid log_id_of(const pg::rows& rows);

// An attempt whose COMMIT was sent and never answered. Its backend may still be at it, and may even not have
// begun, so only a transaction that holds the head lock can tell whether it is in the log, and only one that
// has moved the head that it may never be.
struct lost_attempt {
  std::unique_ptr<batch> work;
  pending_list requests;
};

// How a batch comes to its state. whole: it is decided on what is known, and sent in one piece, with a fence.
// locked: the head lock is had and the head is read; the rest is as with `whole`. looked_up: all of it is
// asked for.
enum class way : std::uint8_t { looked_up, locked, whole };

// One batch under way: who takes part, and how far it has come.
struct flight {
  explicit flight(pending_list taken) : requests(std::move(taken)) {}

  static constexpr std::size_t max_lost = 8;

  pending_list requests;
  std::unique_ptr<batch> work;               // none: nothing was sent
  std::vector<pg::pending_answer_ptr> asked; // look-ups sent, in order
  pg::pending_answer_ptr sent;               // the rows and the COMMIT
  way route = way::looked_up;
  pg::clock::time_point began{};
  std::vector<lost_attempt> lost; // earlier attempts
  bool is_found = false;          // `work` is one of them, and in the log

  bool anyone_waits() const;
  bool may_be_saved() const { return sent || !lost.empty(); }
  // Nothing of it is on its way any longer: it may be tried again.
  void restart();
  // What was sent may come to be.
  void lose();
  // Of the look-ups' answer, which ends with the hashes at the places of the lost attempts' last events: the
  // one that is in the log, if there is one, is this flight from now on.
  bool take_found(const pg::segment_result& answer);
};

struct committer::impl : std::enable_shared_from_this<committer::impl> {
  impl(boost::asio::any_io_executor executor, pg::connect_options connect_to, const inline_projection& tables,
       feed& events, committer_options bounds);

  // --- committer.cpp: the door, any thread
  void enqueue(pending_ptr added);
  // What waits, as far as a batch of `beside` has room for it; the first request always has.
  pending_list take_batch(const pending_list& beside);
  // Whether the next batch may be one that takes long to decide.
  bool are_many_waiting();
  // Whether so many requests wait; if not, wake() comes when they do.
  bool are_waiting(std::size_t requests);
  void wake();

  // --- commit_loop.cpp: all on the strand
  boost::asio::awaitable<void> run();
  bool is_draining();
  boost::asio::awaitable<void> expire_loop();
  void expire(pending_list& list, bool may_be_saved);
  void expire_queue();

  boost::asio::awaitable<bool> ensure_connection();
  boost::asio::awaitable<void> connect_once();
  boost::asio::awaitable<void> process();
  boost::asio::awaitable<void> roll_back();
  boost::asio::awaitable<void> pause(std::chrono::milliseconds time);
  pg::deadline call_deadline() const;

  // --- commit_attempt.cpp: all on the strand
  // look_up: the database refused what was decided on what was known; the look-ups will tell.
  enum class attempt_end : std::uint8_t { answered, poisoned, again, look_up, unavailable };
  // Whether the next batch may set out while this one commits, and this one go the short way.
  enum class look_ahead : std::uint8_t { no, yes };
  boost::asio::awaitable<attempt_end> attempt(flight& tried, look_ahead next);
  boost::asio::awaitable<attempt_end> attempt_once(flight& tried, look_ahead next);
  boost::asio::awaitable<attempt_end> give_up(flight& tried);
  void answer_unsaved(flight& tried);
  static attempt_end end_of(const pg::failure& failed);
  boost::asio::awaitable<std::optional<attempt_end>> look_up(flight& tried, look_ahead next);
  boost::asio::awaitable<std::optional<attempt_end>> decide_locked(flight& tried);
  boost::asio::awaitable<std::optional<attempt_end>> refresh_definitions(std::int64_t revisions);
  boost::asio::awaitable<attempt_end> refuse_lookup(pg::failure why);
  boost::asio::awaitable<std::optional<pg::failure>> load_lookups(flight& tried);
  boost::asio::awaitable<std::optional<pg::failure>> load_definitions();
  boost::asio::awaitable<bool> has_newer_definitions();
  boost::asio::awaitable<std::optional<pg::failure>> read_identity();
  void send_rows(flight& decided);

  // --- commit_settle.cpp: all on the strand
  boost::asio::awaitable<attempt_end> settle(flight& tried, look_ahead next);
  boost::asio::awaitable<attempt_end> settle_lost(flight& tried);
  boost::asio::awaitable<attempt_end> settle_refused(flight& tried, pg::failure why);
  void count_committed(const flight& over);
  boost::asio::awaitable<void> load_replayed(batch& decided);
  void finish(flight& over, look_ahead next);
  void answer_all(batch& decided, const pending_list& requests);

  // --- commit_ahead.cpp: all on the strand
  void set_out(flight& begun, look_ahead next);
  bool set_out_whole(flight& begun);
  bool decide_on_known(flight& begun);
  void ask_lock(flight& begun);
  void ask_lookups(flight& begun, in_transaction is_open);
  void join(flight& joined, pending_list more);
  void start_ahead();
  bool must_wait_for_socket();
  boost::asio::awaitable<void> withdraw_ahead();

  // --- bisect.cpp: all on the strand
  boost::asio::awaitable<void> bisect(pending_list requests);
  boost::asio::awaitable<void> reject_culprits(pending_ptr request);
  boost::asio::awaitable<std::optional<std::size_t>> find_culprit(pending_ptr request);
  boost::asio::awaitable<std::optional<bool>> prefix_fails(pending_ptr request, std::size_t commands);
  core::problem problem_of(const pg::failure& failed) const;

  boost::asio::strand<boost::asio::any_io_executor> strand;
  // Publishes and answers what has committed, in order, while the next batch is decided.
  boost::asio::strand<boost::asio::any_io_executor> answering;
  pg::connect_options connect;
  const inline_projection& projection;
  feed& out;
  committer_options options;

  std::mutex mutex; // guards the four below; never held across a suspension
  std::deque<pending_ptr> queue;
  std::size_t queued_commands = 0;
  std::size_t queued_bytes = 0;
  std::size_t wake_at = 0; // requests in the queue that end the loop's wait; 0 = it does not wait
  bool draining = false;
  bool stop_now = false; // the drain's deadline has passed

  // On the strand only.
  boost::asio::steady_timer wake_timer;
  boost::asio::steady_timer expire_timer;
  boost::asio::steady_timer pause_timer;
  std::shared_ptr<pg::connection> connection;
  std::unique_ptr<core::chain_hasher> hasher;
  bool identity_fixed = false; // the hasher's log id can change no more: this connection has seen events
  definition_guard definitions;
  std::unique_ptr<flight> current;
  bool commit_sent = false; // `current` may already be durable
  known_log known;          // at this connection
  short_way fence_route;    // whether nobody else seems to write
  short_way proof_route;    // whether what is taken for new seems to be new
  // The batch after it. While `current` commits, `ahead` waits behind that commit on the same connection: its
  // look-ups, which run as soon as it is done and see what it did, or all of it, decided on what it will have
  // done.
  std::unique_ptr<flight> ahead;
  bool may_start_ahead = false;
  bool had_to_wait = false;                  // … until the socket had taken `current`
  std::atomic<bool> waits_for_socket{false}; // start_ahead() is to be called when it has
  std::optional<pg::failure> last_failure;
  std::chrono::milliseconds backoff{0};
  std::minstd_rand random;
  std::vector<std::unique_ptr<reply_slot<bool>>> drained; // who waits for the loop's end
  int loops_running = 0;
  std::atomic<int> tells_posted{0}; // to `answering`, and not over

  struct counters {
    std::atomic<std::uint64_t> batches{0}, events{0}, requests{0}, unchanged{0}, rejected{0}, bisections{0},
        unknown{0}, retries{0}, expired{0}, refused{0}, overlapped{0}, short_batches{0}, fenced{0},
        disproven{0}, pipelined{0}, deferred{0};
    std::atomic<bool> connected{false};
    std::atomic<std::int64_t> last_commit_us{0};
    std::atomic<int> backend_pid{0};
  } counted;
};

} // namespace synclog::eventstore
