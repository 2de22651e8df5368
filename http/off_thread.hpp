// Blocking work on a pool of its own, awaited by a coroutine that goes on where it was.
#pragma once
#include "eventstore/reply_slot.hpp"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

namespace synclog::http {

// What `work` returns, or throws. The pool outlives the call.
template <class Result>
boost::asio::awaitable<Result> off_thread(boost::asio::thread_pool& pool, std::function<Result()> work) {
  struct outcome {
    std::optional<Result> value;
    std::exception_ptr failed;
  };
  using slot_ptr = std::unique_ptr<eventstore::reply_slot<outcome>>;
  auto keep = [&pool, work = std::move(work)](slot_ptr slot) mutable {
    auto job = [slot = std::move(slot), work = std::move(work)] {
      outcome made;
      try {
        made.value.emplace(work());
      } catch (...) {
        made.failed = std::current_exception();
      }
      slot->complete(std::move(made));
    };
    boost::asio::post(pool, std::move(job));
  };
  auto done = co_await eventstore::wait_for_reply<outcome>(std::move(keep));
  if (done.failed) std::rethrow_exception(done.failed);
  co_return std::move(*done.value);
}

} // namespace synclog::http
