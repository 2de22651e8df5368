// See event_search.hpp.
#include "eventstore/event_search.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

// A stretch grows while it yields little.
constexpr std::int64_t first_stretch = 1'000, longest_stretch = 50'000;

const auto newest_matching = std::make_shared<const pg::statement>(pg::statement{"event_search", R"(
  SELECT position, hash, recorded_at, entity, record_id, action, version, branch, previous_branch,
         meta->>'actor', meta->>'request_id', meta->>'user_agent'
  FROM synclog.events
  WHERE position > $1::bigint AND position <= $2::bigint
    AND ($3::text = '' OR entity = $3::text)
    AND ($4::text = '' OR branch = $4::text OR previous_branch = $4::text)
    AND ($5::text = '' OR meta->>'actor' = $5::text)
    AND ($6::text = '' OR meta->>'request_id' = $6::text)
  ORDER BY position DESC LIMIT $7::bigint)"});

std::string text_or_nothing(const pg::rows& rows, int row, int column) {
  return rows.is_null(row, column) ? std::string() : std::string(rows.text(row, column));
}

found_event event_of(const pg::rows& rows, int row) {
  found_event made;
  core::sha256_digest hash{};
  const auto bytes = rows.text(row, 1);
  std::memcpy(hash.data(), bytes.data(), std::min(bytes.size(), hash.size()));
  made.at = core::cursor::of({rows.int8(row, 0)}, hash);
  made.recorded_at = {rows.timestamptz(row, 2)};
  made.entity = rows.text(row, 3);
  made.record_id = rows.text(row, 4);
  made.action = rows.text(row, 5);
  made.version = rows.int8(row, 6);
  made.branch = text_or_nothing(rows, row, 7);
  if (!rows.is_null(row, 8)) made.previous_branch = rows.text(row, 8);
  made.actor = text_or_nothing(rows, row, 9);
  made.request_id = text_or_nothing(rows, row, 10);
  made.user_agent = text_or_nothing(rows, row, 11);
  return made;
}

} // namespace

asio::awaitable<found_events> search_events(pg::pool& reads, event_search search, core::position upto,
                                            search_bounds bounds, pg::deadline until) {
  const std::int64_t lowest = std::max<std::int64_t>(search.from.value, 1);
  found_events found;
  std::int64_t next = upto.value; // the highest position not looked at yet
  std::int64_t stretch = first_stretch;
  for (std::int64_t looked = 0;
       next >= lowest && found.events.size() < bounds.max_events && looked < bounds.max_positions;) {
    if (looked > 0 && pg::clock::now() >= bounds.stop) break;
    const auto above = std::max(next - stretch, lowest - 1);
    const auto wanted = static_cast<std::int64_t>(bounds.max_events - found.events.size());
    pg::params values;
    values.int8(above).int8(next).text(search.entity).text(search.branch);
    values.text(search.actor).text(search.request_id).int8(wanted);
    pg::segment work;
    work.add(newest_matching, std::move(values), pg::result_format::binary);
    const auto answer = co_await reads.run_read(std::move(work), until);
    const auto& rows = answer.results.at(0);
    for (int row = 0; row < rows.size(); ++row)
      found.events.push_back(event_of(rows, row));
    const bool cut = rows.size() == wanted; // what lies below the last one has not been looked at
    const auto reached = cut ? found.events.back().at.position.value - 1 : above;
    looked += next - reached;
    next = reached;
    stretch = std::min(stretch * 2, longest_stretch);
  }
  found.looked_down_to = {next + 1};
  co_return found;
}

} // namespace synclog::eventstore
