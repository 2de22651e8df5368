// The record routes of the API: /api/{entity} and /api/{entity}/{id}. segments[1] is the entity's name.
// Each handler answers its request exactly once, on the session's strand; what is wrong with the request is
// answered as a problem, a broken database (eventstore::pg errors) and a lost client pass through as
// exceptions.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// GET /api/{entity}: the list; with ?id=X one record.
boost::asio::awaitable<void> list_or_get(const services& with, const request& asked, responder& answer);
// GET /api/{entity}/{id}
boost::asio::awaitable<void> get_one(const services& with, const request& asked, responder& answer);
// POST /api/{entity}: one object, or a bulk (JSON array, NDJSON, CSV).
boost::asio::awaitable<void> save(const services& with, const request& asked, responder& answer);
// PUT and PATCH /api/{entity}[/{id}]: RFC 7396 merge of records that exist.
boost::asio::awaitable<void> merge(const services& with, const request& asked, responder& answer);
// DELETE /api/{entity}[/{id}], and ?id=X[&id=Y]
boost::asio::awaitable<void> remove(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
