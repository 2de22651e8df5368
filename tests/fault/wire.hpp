// A keep-alive HTTP/1.1 client that can say how far a request got, because a fault test must tell "never
// sent" from "no answer". Blocking with deadlines; one thread uses a given object.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synclog::tests::fault {

struct wire_answer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers; // names in lower case
  std::string body;

  std::string_view header(std::string_view lower_case_name) const; // "" when absent
};

enum class exchange : std::uint8_t {
  answered,
  not_sent,  // no connection: the server cannot have seen it
  no_answer, // some of it may have arrived
};

class wire {
 public:
  using clock = std::chrono::steady_clock;

  wire() = default;
  ~wire() { close(); }
  wire(const wire&) = delete;
  wire& operator=(const wire&) = delete;

  // Sends `request` (a whole one, headers and body) to 127.0.0.1:`port` and reads the answer. Reconnects when
  // the port has changed or the connection is closed.
  exchange send(std::uint16_t port, std::string_view request, clock::time_point until, wire_answer& answer);
  // The same, handing the body over in pieces as it comes instead of keeping it.
  exchange stream(std::uint16_t port, std::string_view request, clock::time_point until, wire_answer& answer,
                  const std::function<void(std::string_view)>& on_body);
  void close();

 private:
  bool connect(std::uint16_t port, clock::time_point until);
  bool write_all(std::string_view bytes, clock::time_point until);
  bool read_more(clock::time_point until);
  bool read_head(wire_answer& answer, clock::time_point until);
  bool read_body(const wire_answer& answer, clock::time_point until,
                 const std::function<void(std::string_view)>& on_body);
  bool read_chunks(clock::time_point until, const std::function<void(std::string_view)>& on_body);
  bool pass_on(std::size_t bytes, clock::time_point until,
               const std::function<void(std::string_view)>& on_body);
  std::size_t find(std::string_view mark, clock::time_point until);
  std::string_view unread() const { return std::string_view(buffer_).substr(read_); }

  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::string buffer_; // received bytes; those before read_ are used up
  std::size_t read_ = 0;
};

// A request text. `headers` are whole lines, each with its CRLF.
std::string make_request(std::string_view method, std::string_view target, std::string_view headers,
                         std::string_view body);

} // namespace synclog::tests::fault
