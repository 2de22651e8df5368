// What a page's statement brings back, and how it is run. Shared by lists and searches; private to
// projections.
#pragma once
#include "eventstore/pg/pool.hpp"
#include "projections/list_query.hpp"
#include "projections/record_reader.hpp"
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

// Page sizes go into a statement's text (the planner must know them), so they come from a coarse scale: four
// steps to each power of two.
std::size_t scaled_down(std::size_t rows);
std::size_t scaled_up(std::size_t rows);

// Runs it again when a rebuilt table took the place of the old one meanwhile. Throws pg::unavailable and its
// kin.
boost::asio::awaitable<eventstore::pg::rows>
run_statement(eventstore::pg::pool& from, std::shared_ptr<const eventstore::pg::statement> prepared,
              eventstore::pg::params values, eventstore::pg::deadline until);

// One value a key of the query's order, out of a row's doc.
std::vector<std::optional<std::string>> order_values(const list_query& query, std::string_view doc);

// The head and at most `wanted` docs of the first `available` rows behind it.
list_page page_of(const list_query& query, eventstore::pg::rows found, std::size_t available,
                  std::size_t wanted);

} // namespace synclog::projections
