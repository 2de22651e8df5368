// The one door into the log: group commit under the head lock. One coroutine on one connection takes whatever
// waits, decides in order, appends events and updates read tables in one transaction, publishes to the feed,
// then answers. submit() may be called from any executor; everything else runs on the committer's strand.
#pragma once
#include "core/command.hpp"
#include "core/scope.hpp"
#include "eventstore/inline_projection.hpp"
#include "eventstore/pg/connection.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace synclog::eventstore {

class feed;

enum class bulk_handling : std::uint8_t { lenient, strict };

struct idempotency {
  std::string key;                   // at most 255 characters; "" = none
  core::sha256_digest fingerprint{}; // of method, path, parameters and body
};

// The commands of one HTTP request: they commit in one transaction, whatever their number.
struct write_request {
  std::vector<core::command> commands;
  bulk_handling handling = bulk_handling::lenient;
  core::scope caller;
  eventstore::idempotency idempotency;
  std::string request_id;
  std::string origin;     // Origin header, "" = none
  std::string user_agent; // its class: "browser", "curl", …
  bool dry_run = false;   // decides against the state as it is and saves nothing
  pg::deadline until;
};

struct write_outcome {
  std::vector<core::item_outcome> items; // one per command, in order
  core::cursor at;                       // of its own last event; the head when it made none
  bool replayed = false;                 // the first answer to this Idempotency-Key, rebuilt
};

struct committer_options {
  std::size_t max_queue_commands = 200'000;
  std::size_t max_queue_bytes = 512u << 20;
  std::size_t max_batch_commands = 1'000; // a larger request is a batch by itself
  std::size_t max_batch_bytes = 8u << 20;
  std::size_t max_record_bytes = 1u << 20;
  boost::asio::any_io_executor answer_on; // where events are published and answers made; empty = as the rest
  std::function<bool()> is_durable;       // asked of each request, on any thread, quick; empty = always
};

// What is_durable() refuses: nothing was saved.
core::problem not_durable_problem();

struct committer_stats {
  std::size_t queued_requests = 0;
  std::uint64_t batches = 0, events = 0, requests = 0, unchanged = 0, rejected = 0, bisections = 0,
                unknown_outcomes = 0, retries = 0, expired = 0, refused_full = 0,
                overlapped = 0;    // batches that set out while the one before committed
  std::uint64_t short_batches = 0, // saved in one round trip, on what was known
      pipelined = 0,               // … and sent before the one before had its answer
      deferred = 0,                // that set out only when the socket had taken the one before
      fenced = 0,                  // sent that way, and others had written: looked up instead
      disproven = 0;               // sent that way, and a record or value was not new: looked up instead
  bool connected = false;
  std::int64_t last_commit_us = 0; // duration of the last batch
};

class committer {
 public:
  committer(boost::asio::any_io_executor executor, pg::connect_options connect,
            const inline_projection& projection, feed& events, committer_options options = {});
  ~committer();

  void start();

  // Problems: overloaded, draining, database_unavailable, database_not_durable (nothing saved),
  // outcome_unknown (retry with the same key), idempotency_mismatch. Refusals of single items are inside the
  // outcome.
  boost::asio::awaitable<core::result<write_outcome>> submit(write_request request);

  // Refuses new requests, finishes what waits (until the deadline, then 503), closes the connection.
  boost::asio::awaitable<void> drain(pg::deadline until);

  committer_stats stats() const; // any thread
  // Of the connection that writes, 0 when there is none: its NOTIFY tells this server nothing. Any thread.
  int backend_pid() const;

 private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace synclog::eventstore
