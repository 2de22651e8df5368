// What the admin routes share. Pure but for the answers; any thread.
#pragma once
#include "core/ids.hpp"
#include "core/problem.hpp"
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace synclog::http::handlers {

// Where this server has nothing to administer with.
core::problem no_admin_here();

// 200 with this JSON, never stored.
response admin_json(std::string body);

// A position from 1 (or `least`) of a parameter or a member; bad_request names it.
core::result<std::int64_t> whole_number(std::string_view name, std::string_view text, std::int64_t least,
                                        std::int64_t most);

// The end of a stretch of positions as people name it: a position from 1, a cursor (its position alone
// counts), or an RFC 3339 time. What was recorded at that very moment lies within. bad_request otherwise.
enum class edge : std::uint8_t { first, last };
boost::asio::awaitable<core::result<core::position>> find_edge(const services& with, std::string text,
                                                               edge which, eventstore::pg::deadline until);

// Progress, told as often as a person can follow it.
inline constexpr std::chrono::milliseconds progress_interval{250};
boost::asio::awaitable<void> pause(std::chrono::milliseconds span);
// Begins a stream of named events; false when it was refused, and the refusal sent.
boost::asio::awaitable<bool> begin_progress(responder& answer);
// One event; `data` is JSON of one line.
boost::asio::awaitable<void> tell(responder& answer, std::string_view name, std::string data);
// The last one of a stream that the server ends: "restart", "token".
boost::asio::awaitable<void> say_bye(responder& answer, std::string_view reason);

} // namespace synclog::http::handlers
