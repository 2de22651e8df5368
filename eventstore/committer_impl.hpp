// The committer's inside: shared between committer.cpp (the queue and its door), commit_loop.cpp (the loop,
// its connection, deadlines), commit_attempt.cpp (one transaction) and bisect.cpp (whom the database
// refuses).
#pragma once
#include "core/chain.hpp"
#include "eventstore/batch.hpp"
#include "eventstore/committer.hpp"
#include "eventstore/definition_guard.hpp"
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

// One batch under way: who takes part, and how far it has come.
struct flight {
  explicit flight(pending_list taken) : requests(std::move(taken)) {}

  pending_list requests;
  std::unique_ptr<batch> work;               // none: nothing was sent
  std::vector<pg::pending_answer_ptr> asked; // look-ups sent, in order

  bool anyone_waits() const;
  // Nothing of it is on its way any longer: it may be tried again.
  void restart() {
    work.reset();
    asked.clear();
  }
};

struct committer::impl : std::enable_shared_from_this<committer::impl> {
  impl(boost::asio::any_io_executor executor, pg::connect_options connect_to, const inline_projection& tables,
       feed& events, committer_options bounds);

  // --- committer.cpp: the door, any thread
  void enqueue(pending_ptr added);
  // What waits, as far as a batch of `beside` has room for it; the first request always has.
  pending_list take_batch(const pending_list& beside);
  void wake();

  // --- commit_loop.cpp: all on the strand
  boost::asio::awaitable<void> run();
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
  enum class attempt_end : std::uint8_t { answered, poisoned, again, unavailable };
  // Whether the next batch may set out while this one commits.
  enum class look_ahead : std::uint8_t { no, yes };
  boost::asio::awaitable<attempt_end> attempt(flight& tried, look_ahead next);
  boost::asio::awaitable<attempt_end> attempt_once(flight& tried, look_ahead next);
  boost::asio::awaitable<attempt_end> give_up(flight& tried);
  static attempt_end end_of(const pg::failure& failed);
  void set_out(flight& begun);
  void join(flight& joined, pending_list more);
  boost::asio::awaitable<std::optional<pg::failure>> load_definitions();
  boost::asio::awaitable<bool> has_newer_definitions();
  boost::asio::awaitable<std::optional<pg::failure>> load_lookups(flight& tried);
  boost::asio::awaitable<std::optional<pg::failure>> read_identity();
  enum class commit_end : std::uint8_t { committed, unreplicated, refused, absent, unknown };
  boost::asio::awaitable<commit_end> commit(flight& written, look_ahead next);
  boost::asio::awaitable<commit_end> resolve(const flight& lost);
  boost::asio::awaitable<std::optional<bool>> committed_after_all(core::cursor end, core::sha256_digest hash);
  void start_ahead();
  boost::asio::awaitable<void> withdraw_ahead();
  boost::asio::awaitable<void> load_replayed(batch& decided);
  void finish(flight& over, look_ahead next);
  void answer_all(batch& decided, const pending_list& requests);

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
  bool asleep = false;
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
  // The batch after it. While `current` commits, the look-ups of `ahead` wait behind that commit on the same
  // connection: they run as soon as it is done, and see what it did.
  std::unique_ptr<flight> ahead;
  bool may_start_ahead = false;
  std::optional<pg::failure> last_failure;
  std::chrono::milliseconds backoff{0};
  std::minstd_rand random;
  std::vector<std::unique_ptr<reply_slot<bool>>> drained; // who waits for the loop's end
  int loops_running = 0;

  struct counters {
    std::atomic<std::uint64_t> batches{0}, events{0}, requests{0}, unchanged{0}, rejected{0}, bisections{0},
        unknown{0}, retries{0}, expired{0}, refused{0}, overlapped{0};
    std::atomic<bool> connected{false};
    std::atomic<std::int64_t> last_commit_us{0};
    std::atomic<int> backend_pid{0};
  } counted;
};

} // namespace synclog::eventstore
