// The log's head for many who ask at the same time: one read answers all who came before it was sent, so
// what each is told is never older than his question. The first asker reads, for himself and the others, and
// hands the turn on. Any thread.
#pragma once
#include "core/event.hpp"
#include "eventstore/pg/types.hpp"
#include "eventstore/reply_slot.hpp"
#include <boost/asio/awaitable.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace synclog::eventstore {

class shared_head {
 public:
  using read_function = std::function<boost::asio::awaitable<core::cursor>(pg::deadline)>;

  explicit shared_head(read_function read) : read_(std::move(read)) {}

  // Throws what `read` throws. Whoever shares another's read waits as long as that one's deadline allows.
  boost::asio::awaitable<core::cursor> get(pg::deadline until);

 private:
  struct told {
    bool leads = false; // no answer: it is your turn to read
    core::cursor head;
    std::exception_ptr failed;
  };
  using waiter = std::unique_ptr<reply_slot<told>>;

  boost::asio::awaitable<core::cursor> lead(pg::deadline until);
  void hand_on();

  const read_function read_;
  std::mutex mutex_; // over the two below; never held across a suspension
  bool reading_ = false;
  std::vector<waiter> waiting_; // for the next read
};

} // namespace synclog::eventstore
