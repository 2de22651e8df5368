// See pending_answer.hpp.
#include "eventstore/pg/pending_answer.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <utility>

namespace synclog::eventstore::pg {

namespace asio = boost::asio;

std::shared_ptr<pending_answer> pending_answer::send(const strand_type& strand, connection& over,
                                                     segment work, deadline until) {
  auto made = std::make_shared<pending_answer>();
  auto running = over.run(std::move(work), until);
  auto arrive = [made](std::exception_ptr failed, segment_result result) {
    made->arrived_ = true;
    made->failed_ = std::move(failed);
    made->result_ = std::move(result);
    if (auto waiting = std::move(made->waiter_)) waiting->complete(true);
  };
  asio::co_spawn(strand, std::move(running), asio::bind_executor(strand, std::move(arrive)));
  return made;
}

asio::awaitable<segment_result> pending_answer::get() {
  if (!arrived_) {
    auto keep = [this](std::unique_ptr<reply_slot<bool>> slot) { waiter_ = std::move(slot); };
    co_await wait_for_reply<bool>(std::move(keep));
  }
  if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
  co_return std::move(result_);
}

} // namespace synclog::eventstore::pg
