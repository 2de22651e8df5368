// Looks now and then whether the database still keeps what it acknowledges, and whether this server's login
// could alter the log: settings and rights change under a running server. Read by /readyz and /metrics, and
// by routes that save.
#pragma once
#include "eventstore/pg/pool.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace synclog::http {

struct log_findings {
  std::vector<std::string> losses; // what is acknowledged can be lost: plain sentences, each with its fix
  std::vector<std::string> powers; // how the login could alter the log, the same
  bool operator==(const log_findings&) const = default;
};

class log_watch {
 public:
  // `question` answers with rows of (kind, sentence), kind "loss" or "power". `first`: what was found before
  // serving. What changes is logged.
  log_watch(boost::asio::any_io_executor executor, eventstore::pg::pool& reads, std::string question,
            log_findings first, std::chrono::milliseconds interval = std::chrono::seconds(10));
  ~log_watch();
  log_watch(const log_watch&) = delete;
  log_watch& operator=(const log_watch&) = delete;

  void start();
  boost::asio::awaitable<void> stop();

  // Of the last look that the database answered; any thread.
  log_findings found() const;
  // How long ago that was; any thread. Beyond the interval the database is away, or does not answer in time.
  std::chrono::seconds age() const;
  // Whether it found no losses; without a lock.
  bool is_durable() const;

 private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace synclog::http
