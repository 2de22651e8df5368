// What a client says on a WebSocket: JSON text to commands, and our answers to them as text. Pure; any
// thread.
#pragma once
#include "core/entity.hpp"
#include "core/event.hpp"
#include "core/problem.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace synclog::http::streams {

// {"type":"subscribe","channels":["clients"],"after":"1042-9f3a6c1e","branch":"north","id":…,"action":…,
//  "subscription":"mine"}: everything but the type is optional, lists may be single strings.
struct subscribe_frame {
  std::string subscription;                         // "" = the one without a name
  std::optional<std::vector<std::string>> channels; // known resources; no value = all of them
  std::vector<std::string> unknown;                 // other channels asked for: tolerated, and named
  // No value: not said.
  std::optional<std::vector<std::string>> branches, ids, actions;
  std::optional<std::string> after; // a cursor or a position
};

// {"type":"unsubscribe","channels":[…],"subscription":…}: without channels the whole subscription ends.
struct unsubscribe_frame {
  std::string subscription;
  std::optional<std::vector<std::string>> channels;
};

struct ping_frame {};

using client_frame = std::variant<subscribe_frame, unsubscribe_frame, ping_frame>;

// bad_request or malformed, with a sentence for the `error` frame.
core::result<client_frame> parse_client_frame(std::string_view text, const core::catalog& entities);

// Answers, as JSON text. `channels` no value = all of `entities`.
std::string subscribed_text(const std::string& subscription,
                            const std::optional<std::vector<std::string>>& channels,
                            const std::vector<std::string>& unknown, const core::cursor& at,
                            const core::catalog& entities);
// `left` are the channels that the subscription goes on with, from `at` on; none: it has ended.
std::string unsubscribed_text(const std::string& subscription, const std::vector<std::string>& left,
                              const core::cursor& at);
std::string error_text(const core::problem& why);

} // namespace synclog::http::streams
