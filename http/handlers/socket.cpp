// See socket.hpp.
#include "http/handlers/socket.hpp"
#include "http/ascii.hpp"
#include "http/handlers/events_request.hpp"
#include "http/handlers/records_common.hpp"
#include "http/streams/socket_handshake.hpp"
#include "http/streams/socket_session.hpp"
#include "http/taken_connection.hpp"
#include <algorithm>
#include <array>

namespace synclog::http::handlers {

namespace asio = boost::asio;

namespace {

// One of the comma-separated words of a header, whatever their case.
bool lists_word(std::string_view header, std::string_view word) {
  while (!header.empty()) {
    const auto comma = std::min(header.find(','), header.size());
    auto one = header.substr(0, comma);
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t'))
      one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t'))
      one.remove_suffix(1);
    if (equals_ignoring_case(one, word)) return true;
    header.remove_prefix(std::min(comma + 1, header.size()));
  }
  return false;
}

// RFC 6455, 4.2.1: sixteen bytes in base64.
bool is_socket_key(std::string_view key) {
  constexpr std::size_t key_bytes = 24;
  if (key.size() != key_bytes || !key.ends_with("==")) return false;
  key.remove_suffix(2);
  return std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
}

// 426 (RFC 9110, 15.5.22), with what the server would speak.
response upgrade_required() {
  auto made = problem_answer(core::make_problem(
      core::problem_code::bad_request, "this address speaks WebSocket, version 13: connect with one"));
  made.status = 426;
  made.body =
      R"({"type":"/problems/upgrade_required","title":"Upgrade required","status":426,)"
      R"("detail":"this address speaks WebSocket, version 13: connect with one","code":"upgrade_required"})";
  made.headers.emplace_back("Upgrade", "websocket");
  made.headers.emplace_back("Connection", "Upgrade");
  made.headers.emplace_back("Sec-WebSocket-Version", "13");
  return made;
}

} // namespace

asio::awaitable<void> socket(const services& with, const request& asked, responder& answer) {
  const bool upgrades = asked.method == method::get && lists_word(asked.header("upgrade"), "websocket") &&
                        lists_word(asked.header("connection"), "upgrade");
  if (!upgrades || asked.header("sec-websocket-version") != "13") {
    auto refused = upgrade_required();
    co_await answer.send(std::move(refused));
    co_return;
  }
  constexpr std::array<std::string_view, 1> known{"ticket"};
  auto refused = refuse_unknown_parameters(asked, known);
  if (!refused && !is_socket_key(asked.header("sec-websocket-key")))
    refused = core::make_problem(core::problem_code::bad_request,
                                 "Sec-WebSocket-Key is sixteen random bytes in base64");
  if (!refused) refused = answer.enter_streams();
  if (refused) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  auto connection = answer.take_over();
  const auto accepted = streams::socket_answer(asked.header("sec-websocket-key"), asked.request_id);
  co_await answer.write(accepted);
  answer.rest(streams::make_socket(with, asked, answer, std::move(connection)));
}

} // namespace synclog::http::handlers
