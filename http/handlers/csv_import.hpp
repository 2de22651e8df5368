// A CSV file as commands, one a row. A row that is broken becomes a rejected command with its line and column
// and keeps its place, so that rows read = saved + unchanged + rejected. Runs on the session's strand.
#pragma once
#include "core/csv.hpp"
#include "core/entity.hpp"
#include "core/problem.hpp"
#include "http/handlers/bulk.hpp"
#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synclog::http::handlers {

using column_map = std::vector<std::pair<std::string, std::string>>;

// `text` and `overrides` live until the end. malformed: no text, or no header; bad_request: the map names
// what is not there; too_large over max_items rows.
boost::asio::awaitable<core::result<bulk_items>>
read_csv_items(const core::entity& definition, std::string_view text, const column_map& overrides,
               std::size_t max_items, core::csv::quote_trust trust = core::csv::quote_trust::look);

} // namespace synclog::http::handlers
