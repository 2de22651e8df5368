// See socket_handshake.hpp.
#include "http/streams/socket_handshake.hpp"
#include <array>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

namespace synclog::http::streams {

std::string socket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

std::string socket_answer(std::string_view key, std::string_view request_id) {
  return fmt::format("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: {}\r\nServer: synclog\r\nX-Request-Id: {}\r\n\r\n",
                     socket_accept(key), request_id);
}

} // namespace synclog::http::streams
