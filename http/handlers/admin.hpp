// What looks at the log as a whole, or changes much of it at once: for admins, and for auditors where it only
// reads (the table of routes says which). Each runs on its session's strand.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// GET /api/admin/overview: head, events a minute, records a branch, readers, database. A few seconds old at
// most.
boost::asio::awaitable<void> admin_overview(const services& with, const request& asked, responder& answer);
// GET /api/admin/events?actor=&request_id=&branch=&resource=&from=&to=&before=&limit=: who did what, the
// newest first, without the data. A page may be short, or empty, before the search is over: Link: rel="next"
// goes on.
boost::asio::awaitable<void> admin_events(const services& with, const request& asked, responder& answer);
// GET /api/admin/verify: as JSON whether one runs and what the last one found; as text/event-stream it
// verifies, or follows the verification that runs: `progress` events, then `result` or `failed`.
boost::asio::awaitable<void> admin_verify(const services& with, const request& asked, responder& answer);
// GET /api/admin/checkpoints: the log's head, signed now by --checkpoint-key; 404 without one.
boost::asio::awaitable<void> admin_checkpoint(const services& with, const request& asked, responder& answer);
// POST /api/admin/checkpoints/verify, a checkpoint as the body: whether it is signed, and whether this log
// extends it.
boost::asio::awaitable<void> admin_checkpoint_check(const services& with, const request& asked,
                                                    responder& answer);
// POST /api/admin/undo {"actor","request_id","resource","from","to","dry_run","force"}: compensating events.
// As text/event-stream `progress` events, then `result` or `failed`.
boost::asio::awaitable<void> admin_undo(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
