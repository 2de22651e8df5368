// GET /api/{entity}?at=…: a list as it was. On the session's strand.
#pragma once
#include "http/handlers/list_answer_writer.hpp"
#include "http/handlers/page_sizer.hpp"
#include "http/message.hpp"
#include "http/services.hpp"
#include "projections/past_list.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// All that a list takes and gives. Sync-Position is the moment asked for; a link to the next page names it by
// its cursor, so that all pages are of one moment. Precondition: `at` is given. Answers the request.
boost::asio::awaitable<void> answer_past_list(const services& with, const request& asked, responder& answer);

// Writes what is left of a list of the past, page by page, and closes it. Throws what the database and the
// responder throw.
boost::asio::awaitable<void> write_past_rows(responder& answer, projections::past_list& list,
                                             list_writer& writer, page_sizer& sizer);

} // namespace synclog::http::handlers
