// The server's half of a WebSocket's opening handshake (RFC 6455, 4.2.2). Pure.
#pragma once
#include <string>
#include <string_view>

namespace synclog::http::streams {

// What Sec-WebSocket-Accept answers to a key.
std::string socket_accept(std::string_view key);

// The whole answer: 101, no extensions.
std::string socket_answer(std::string_view key, std::string_view request_id);

} // namespace synclog::http::streams
