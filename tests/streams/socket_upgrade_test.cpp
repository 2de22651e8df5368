// GET /ws before it is a WebSocket: what is refused, and how.
#include "tests/http/records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/ws_client.hpp"
#include <doctest/doctest.h>

using namespace synclog::tests;

namespace {

// The headers of a good upgrade with one of them replaced ("" = left out).
http_headers upgrade_with(std::string_view name, std::string value) {
  auto headers = ws_upgrade_headers();
  for (auto& [key, text] : headers)
    if (key == name) text = value;
  if (value.empty()) std::erase_if(headers, [&](const auto& one) { return one.first == name; });
  return headers;
}

std::string good_upgrade(std::uint16_t port) {
  std::string text = "GET /ws HTTP/1.1\r\nHost: localhost:" + std::to_string(port) + "\r\n";
  for (const auto& [name, value] : ws_upgrade_headers())
    text.append(name).append(": ").append(value).append("\r\n");
  return text + "\r\n";
}

} // namespace

TEST_CASE("socket: what is no upgrade to WebSocket 13 is 426 and told what would be") {
  const auto& server = server_fixture::shared();
  std::vector<http_headers> wrong;
  wrong.emplace_back();
  wrong.push_back(upgrade_with("Upgrade", ""));
  wrong.push_back(upgrade_with("Upgrade", "h2c"));
  wrong.push_back(upgrade_with("Connection", ""));
  wrong.push_back(upgrade_with("Connection", "keep-alive"));
  for (const char* version : {"12", "8", "0", "13, 8", "130", "x", ""})
    wrong.push_back(upgrade_with("Sec-WebSocket-Version", version));
  auto client = server.connect();
  for (const auto& headers : wrong) {
    const auto refused = client.request("GET", "/ws", headers);
    CAPTURE(refused.head);
    CHECK(refused.status == 426);
    CHECK(refused.head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
    CHECK(refused.header("upgrade") == "websocket");
    CHECK(refused.header("sec-websocket-version") == "13");
    CHECK(at(refused.body, "/code") == "upgrade_required");
  }
  // The connection is still one of HTTP.
  CHECK(client.request("GET", "/livez").status == 200);
}

TEST_CASE("socket: only GET upgrades") {
  const auto& server = server_fixture::shared();
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    CAPTURE(method);
    const auto refused = server.request(method, "/ws", ws_upgrade_headers());
    CHECK(refused.status == 405);
    CHECK(refused.header("allow").find("GET") != std::string::npos);
  }
  CHECK(server.request("HEAD", "/ws", ws_upgrade_headers()).status == 426);
}

TEST_CASE("socket: an upgrade by HTTP/1.0 is refused") {
  const auto& server = server_fixture::shared();
  auto client = server.connect();
  auto text = good_upgrade(server.port());
  text.replace(text.find("HTTP/1.1"), 8, "HTTP/1.0");
  client.send(text);
  const auto refused = client.read_head();
  CHECK(refused.status == 426);
}

TEST_CASE("socket: a key that is not sixteen bytes in base64 is 400") {
  const auto& server = server_fixture::shared();
  for (const char* key :
       {"", "x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZSE=",
        "dGhlIHNhbXBsZSBub25j*Q==", "dGhlIHNhbXBsZSBub25jZQAA"}) {
    CAPTURE(key);
    const auto refused = server.get("/ws", upgrade_with("Sec-WebSocket-Key", key));
    CHECK(refused.status == 400);
    CHECK(refused.header("content-type") == "application/problem+json");
  }
}

TEST_CASE("socket: parameters that nobody knows are 400, and a foreign page is refused") {
  const auto& server = server_fixture::shared();
  CHECK(server.get("/ws?after=0", ws_upgrade_headers()).status == 400);
  auto foreign = ws_upgrade_headers();
  foreign.emplace_back("Origin", "https://elsewhere.example");
  CHECK(server.get("/ws", foreign).status == 403);
}

TEST_CASE("socket: a good upgrade is 101 with the right accept, without extensions, then hello") {
  const auto& server = server_fixture::shared();
  // Words in any case and in lists, as browsers send them.
  ws_client socket(server.port(), {}, "/ws",
                   {{"Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"}});
  CHECK(socket.upgrade().header("sec-websocket-extensions").empty());
  CHECK(!socket.upgrade().header("x-request-id").empty());
  const auto hello = socket.next_text();
  CHECK(at(hello, "/type") == "hello");
  CHECK(at(hello, "/cursor").find('-') != std::string::npos);

  auto client = server.connect();
  auto text = good_upgrade(server.port());
  text.replace(text.find("Connection: Upgrade"), 19, "Connection: keep-alive, uPGRADE");
  text.replace(text.find("Upgrade: websocket"), 18, "Upgrade: WebSocket");
  client.send(text);
  ws_client listed(std::move(client));
  CHECK(at(listed.next_text(), "/type") == "hello");
}

TEST_CASE("socket: frames that come together with the upgrade are not lost, nor those that come in crumbs") {
  const auto& server = server_fixture::shared();
  const auto subscribe = ws_text(R"({"type":"subscribe","channels":["clients"]})");
  {
    auto client = server.connect();
    client.send(good_upgrade(server.port()) + subscribe + ws_text(R"({"type":"ping"})"));
    ws_client socket(std::move(client));
    CHECK(at(socket.next_of("subscribed"), "/channels/0") == "clients");
    socket.next_of("pong");
  }
  {
    auto client = server.connect();
    for (const char byte : good_upgrade(server.port()) + subscribe)
      client.send(std::string_view(&byte, 1));
    ws_client socket(std::move(client));
    CHECK(at(socket.next_of("subscribed"), "/channels/0") == "clients");
  }
  {
    // More at once than the server reads in one go.
    constexpr int pings = 4'000;
    auto client = server.connect();
    auto burst = good_upgrade(server.port());
    for (int i = 0; i < pings; ++i)
      burst += ws_text(R"({"type":"ping"})");
    client.send(burst);
    ws_client socket(std::move(client));
    for (int i = 0; i < pings; ++i)
      socket.next_of("pong");
  }
}
