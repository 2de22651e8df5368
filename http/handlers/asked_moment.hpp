// The moment that ?at= names. One request, on its session's strand.
#pragma once
#include "core/event.hpp"
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>
#include <variant>

namespace synclog::http::handlers {

// The place in the log, or the answer that refuses it: 400 for what names no moment, for a position beyond
// the head and a cursor of another history. A time to come is the present. Precondition: `at` is given.
// Throws pg::unavailable.
boost::asio::awaitable<std::variant<core::cursor, response>> find_asked_moment(const services& with,
                                                                               const request& asked);

} // namespace synclog::http::handlers
