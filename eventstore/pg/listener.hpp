// LISTEN on a connection of its own, reconnected with back-off. A hint, never the truth: callers poll behind
// it.
#pragma once
#include "eventstore/pg/connection.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

namespace synclog::eventstore::pg {

class listener {
 public:
  // `on_hint` runs on the listener's strand: after each NOTIFY on `channel`, and after each (re)connect,
  // because what was notified while it was away is lost. Not for a NOTIFY of the backend that `own_backend`
  // names: whoever sent it knows already. (any thread; 0 = none)
  listener(boost::asio::any_io_executor executor, connect_options connect, std::string channel,
           std::function<void()> on_hint, std::function<int()> own_backend = {});
  ~listener();
  bool connected() const; // any thread
  boost::asio::awaitable<void> stop();

 private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace synclog::eventstore::pg
