// One segment on its way, for a caller that does other things meanwhile: sent when it is made, collected
// later. Everything on one strand.
#pragma once
#include "eventstore/pg/connection.hpp"
#include "eventstore/reply_slot.hpp"
#include <boost/asio/strand.hpp>
#include <exception>
#include <memory>

namespace synclog::eventstore::pg {

class pending_answer {
 public:
  using strand_type = boost::asio::strand<boost::asio::any_io_executor>;

  // Called on `strand`, where get() is awaited too. Segments are sent in the order of these calls.
  static std::shared_ptr<pending_answer> send(const strand_type& strand, connection& over, segment work,
                                              deadline until);

  // As connection::run(). Once.
  boost::asio::awaitable<segment_result> get();

 private:
  bool arrived_ = false;
  std::exception_ptr failed_;
  segment_result result_;
  std::unique_ptr<reply_slot<bool>> waiter_;
};
using pending_answer_ptr = std::shared_ptr<pending_answer>;

} // namespace synclog::eventstore::pg
