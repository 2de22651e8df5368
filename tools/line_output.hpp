// A descriptor that lines are written to as long as somebody reads them. Waits for a slow reader in short
// stretches, so that signals and the database are still heard; never changes the descriptor's flags, which
// belong to every process that shares it. One coroutine uses an object.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <stop_token>
#include <string>

namespace synclog::tools {

class line_output {
 public:
  // Does not own the descriptor. SIGPIPE must be ignored.
  explicit line_output(int descriptor) : descriptor_(descriptor) {}

  enum class outcome : std::uint8_t {
    written,
    reader_gone, // nobody will ever read it
    stopped,     // a stop was requested while the reader took nothing: the rest is lost
  };
  // Everything, in order. Throws std::system_error when it cannot be written (a full disk).
  boost::asio::awaitable<outcome> write(std::string bytes, std::stop_token stop);

  // Without writing: a pipe whose reading end is closed.
  bool reader_gone() const;
  bool is_terminal() const;

 private:
  int descriptor_;
};

} // namespace synclog::tools
