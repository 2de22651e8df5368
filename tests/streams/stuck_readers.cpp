// See stuck_readers.hpp.
#include "tests/streams/stuck_readers.hpp"
#include "tests/support/ws_client.hpp"

namespace synclog::tests::streams {

void stuck_readers::add(std::uint16_t port, std::size_t count, const std::string& from) {
  constexpr int receive_buffer_bytes = 4'096;
  for (std::size_t i = 0; i < count; ++i) {
    auto& made =
        clients_.emplace_back(port, http_client_options{.receive_buffer_bytes = receive_buffer_bytes});
    if (i % 2 == 0) {
      made.send_request("GET", from.empty() ? "/api/events" : "/api/events?after=" + from,
                        {{"Accept", "text/event-stream"}});
      continue;
    }
    made.send_request("GET", "/ws", ws_upgrade_headers());
    const auto after = from.empty() ? "" : R"(,"after":")" + from + "\"";
    made.send(ws_text(R"({"type":"subscribe")" + after + "}"));
  }
}

} // namespace synclog::tests::streams
