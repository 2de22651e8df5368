// The committer's inside: shared between committer.cpp (the queue and its door) and commit_loop.cpp
// (transactions).
#pragma once
#include "core/chain.hpp"
#include "eventstore/batch.hpp"
#include "eventstore/committer.hpp"
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

struct committer::impl : std::enable_shared_from_this<committer::impl> {
  impl(boost::asio::any_io_executor executor, pg::connect_options connect_to, const inline_projection& tables,
       feed& events, committer_options bounds);

  // --- committer.cpp: the door, any thread
  void enqueue(pending_ptr added);
  pending_list take_batch();
  void wake();

  // --- commit_loop.cpp: all on the strand
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<void> expire_loop();
  void expire(pending_list& list, bool may_be_saved);
  void expire_queue();

  boost::asio::awaitable<bool> ensure_connection();
  boost::asio::awaitable<void> connect_once();
  boost::asio::awaitable<void> process(pending_list taken);
  enum class attempt_end : std::uint8_t { answered, poisoned, again, unavailable };
  boost::asio::awaitable<attempt_end> attempt(pending_list requests);
  boost::asio::awaitable<attempt_end> attempt_once(pending_list requests);
  boost::asio::awaitable<attempt_end> give_up(pending_list requests);
  static attempt_end end_of(const pg::failure& failed);
  boost::asio::awaitable<std::optional<bool>> committed_after_all(core::cursor end, core::sha256_digest hash);
  boost::asio::awaitable<void> bisect(pending_list requests);
  boost::asio::awaitable<void> reject_culprits(pending_ptr request);
  boost::asio::awaitable<std::optional<std::size_t>> find_culprit(pending_ptr request);
  boost::asio::awaitable<std::optional<bool>> prefix_fails(pending_ptr request, std::size_t commands);
  boost::asio::awaitable<void> roll_back();
  boost::asio::awaitable<void> load_replayed(batch& decided);
  void answer_all(batch& decided, const pending_list& requests);
  core::problem problem_of(const pg::failure& failed) const;
  boost::asio::awaitable<void> pause(std::chrono::milliseconds time);
  pg::deadline call_deadline() const;

  boost::asio::strand<boost::asio::any_io_executor> strand;
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
  pending_list in_flight;
  bool commit_sent = false; // the batch in flight may already be durable
  std::optional<pg::failure> last_failure;
  std::chrono::milliseconds backoff{0};
  std::minstd_rand random;
  std::vector<std::unique_ptr<reply_slot<bool>>> drained; // who waits for the loop's end
  int loops_running = 0;

  struct counters {
    std::atomic<std::uint64_t> batches{0}, events{0}, requests{0}, unchanged{0}, rejected{0}, bisections{0},
        unknown{0}, retries{0}, expired{0}, refused{0};
    std::atomic<bool> connected{false};
    std::atomic<std::int64_t> last_commit_us{0};
    std::atomic<int> backend_pid{0};
  } counted;
};

} // namespace synclog::eventstore
