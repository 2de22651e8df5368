// One record as it was: ?version= and ?at= of /api/{entity}/{id}. On the session's strand.
#pragma once
#include "core/entity.hpp"
#include "core/problem.hpp"
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>
#include <string>

namespace synclog::http::handlers {

// The version named, or the one that stood at the moment named, with its ETag. 404 when there was no such
// record then, it was deleted or is erased, or belonged to a branch that the caller does not see.
// Precondition: `at` or `version` is given; other parameters are the caller's business.
boost::asio::awaitable<response> answer_past_record(const services& with, const request& asked,
                                                    std::string id);

// not_found; nothing in it depends on whose record it is.
core::problem no_such_version(const core::entity& definition);

} // namespace synclog::http::handlers
