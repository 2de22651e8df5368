// /api/{entity}/{id}/history and /api/{entity}/{id}/revert. As in records.hpp: each handler answers its
// request exactly once, on the session's strand.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// GET …/history: every version that the caller sees, oldest first, deletes included, in constant memory.
// ?limit= and ?after_version= make pages of it, with Link rel=next.
boost::asio::awaitable<void> history(const services& with, const request& asked, responder& answer);

// POST …/revert {"version":N}: a new event that makes the record what it was at that version.
boost::asio::awaitable<void> revert(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
