// Where a coroutine that waits for one answer leaves its continuation: type-erased, move-only, completed
// exactly once on the waiter's own executor. (Boost 1.81's any_completion_handler cannot be moved safely.)
#pragma once
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

namespace synclog::eventstore {

template <class Answer>
class reply_slot {
 public:
  virtual ~reply_slot() = default;
  virtual void complete(Answer answer) = 0;
};

// Suspends the calling coroutine; `keep` receives the slot and must see to it that it is completed.
template <class Answer, class Keep>
boost::asio::awaitable<Answer> wait_for_reply(Keep keep) {
  auto initiate = [keep = std::move(keep)](auto handler) mutable {
    using handler_type = decltype(handler);
    class slot final : public reply_slot<Answer> {
     public:
      explicit slot(handler_type waiting) : handler_(std::move(waiting)) {}
      void complete(Answer answer) override {
        auto executor = boost::asio::get_associated_executor(handler_);
        auto resume = [handler = std::move(handler_), answer = std::move(answer)]() mutable {
          handler(std::move(answer));
        };
        boost::asio::post(executor, std::move(resume));
      }

     private:
      handler_type handler_;
    };
    keep(std::unique_ptr<reply_slot<Answer>>(std::make_unique<slot>(std::move(handler))));
  };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(Answer)>(
      std::move(initiate), boost::asio::use_awaitable);
}

} // namespace synclog::eventstore
