// The state of the whole as one JSON text, for the console's first page: head, events a minute, records a
// branch, readers, database. Whoever asks within some seconds, or while it is being made, gets the same one,
// so a wall of consoles costs as much as one. Thread-safe.
#pragma once
#include "eventstore/event_rate.hpp"
#include "eventstore/reply_slot.hpp"
#include "http/services.hpp"
#include "projections/branch_counts.hpp"
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace synclog::http {

class overview {
 public:
  using text_ptr = std::shared_ptr<const std::string>;

  // At most three seconds old. Throws eventstore::pg::unavailable and its kin.
  boost::asio::awaitable<text_ptr> text(const services& with, eventstore::pg::deadline until);

 private:
  using clock = std::chrono::steady_clock;
  struct made {
    text_ptr text;
    std::exception_ptr failed;
  };
  using waiter = std::unique_ptr<eventstore::reply_slot<made>>;
  // What an entity's records were when they were last counted.
  struct counted {
    core::position as_of; // the entity's last change then
    clock::time_point at{};
    clock::duration took{};
    projections::branch_counts branches;
    bool known = false; // false: it has never been counted to the end
  };

  boost::asio::awaitable<made> make(const services& with, eventstore::pg::deadline until);
  boost::asio::awaitable<std::string> write(const services& with, eventstore::pg::deadline until);
  // Never throws: a count that fails leaves the last one, and is tried again as late as one that took as
  // long.
  boost::asio::awaitable<void> count(const services& with, const core::entity& definition,
                                     eventstore::pg::deadline until);

  std::mutex mutex_; // over the next four; never held across a suspension
  text_ptr text_;
  clock::time_point made_at_{};
  bool making_ = false;
  std::vector<waiter> waiting_;
  // Whoever makes it works with these alone.
  eventstore::event_rate rate_;
  std::map<std::string, counted, std::less<>> counts_;
};

} // namespace synclog::http
