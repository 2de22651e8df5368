// See shared_head.hpp.
#include "eventstore/shared_head.hpp"

#include <utility>

namespace synclog::eventstore {

namespace asio = boost::asio;

asio::awaitable<core::cursor> shared_head::get(pg::deadline until) {
  bool leads = false;
  {
    const std::lock_guard guard(mutex_);
    leads = !std::exchange(reading_, true);
  }
  if (leads) co_return co_await lead(until);
  auto keep = [this](waiter slot) {
    {
      const std::lock_guard guard(mutex_);
      if (std::exchange(reading_, true)) {
        waiting_.push_back(std::move(slot));
        return;
      }
    }
    slot->complete({.leads = true, .head = {}, .failed = nullptr}); // the reader has finished in between
  };
  auto answer = co_await wait_for_reply<told>(std::move(keep));
  if (answer.leads) co_return co_await lead(until);
  if (answer.failed) std::rethrow_exception(answer.failed);
  co_return answer.head;
}

asio::awaitable<core::cursor> shared_head::lead(pg::deadline until) {
  std::vector<waiter> sharing;
  {
    const std::lock_guard guard(mutex_);
    sharing.swap(waiting_);
  }
  told answer;
  try {
    answer.head = co_await read_(until);
  } catch (...) {
    answer.failed = std::current_exception();
  }
  for (const waiter& each : sharing)
    each->complete(answer);
  hand_on();
  if (answer.failed) std::rethrow_exception(answer.failed);
  co_return answer.head;
}

// Those who came during the read need another one.
void shared_head::hand_on() {
  waiter next;
  {
    const std::lock_guard guard(mutex_);
    if (waiting_.empty()) {
      reading_ = false;
      return;
    }
    next = std::move(waiting_.back());
    waiting_.pop_back();
  }
  next->complete({.leads = true, .head = {}, .failed = nullptr});
}

} // namespace synclog::eventstore
