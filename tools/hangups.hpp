// SIGHUP of a server: its certificate is read again. The same signal says that the terminal it was started
// from has gone; then the server ends in order, as it does by Ctrl-C.
#pragma once
#include "http/tls_identity.hpp"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>

namespace synclog::tools {

// As early as there is a process to be told of: a start may take minutes (migrations, a read table that is
// missing), and by default the signal would end it. One that comes is kept for the first `hangups`; one that
// says that the terminal has gone ends the process, as always. Not for whoever ignores the signal (nohup).
void keep_hangups();

class hangups {
 public:
  // Behind keep_hangups(). `identity` may be null. Whoever ignores the signal and has nothing to read again
  // goes on ignoring it.
  hangups(boost::asio::io_context& context, std::shared_ptr<http::tls_identity> identity);
  hangups(const hangups&) = delete;
  hangups& operator=(const hangups&) = delete;

  // Returns when the terminal has gone; otherwise it is cancelled.
  boost::asio::awaitable<void> watch();

 private:
  boost::asio::awaitable<void> answer();
  boost::asio::awaitable<void> reload();

  std::shared_ptr<http::tls_identity> identity_;
  boost::asio::signal_set signals_;
  boost::asio::thread_pool readers_{1}; // of the files
};

} // namespace synclog::tools
