// A list that stays: GET /api/{entity} with Accept: text/event-stream. A snapshot of the rows at one
// position, then rows as they enter, change in and leave the result. Runs on the session's strand.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// Filters and search as on the list; `limit`, `cursor` and `at` are 400: the order is the client's. With
// Last-Event-ID or ?after= it goes on from there without a snapshot; a cursor of another history or beyond
// the head gets `resync` and a new snapshot.
boost::asio::awaitable<void> answer_live_query(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
