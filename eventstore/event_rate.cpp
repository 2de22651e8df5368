// See event_rate.hpp. Whole hours come first: those in which nothing happened need no minutes.
#include "eventstore/event_rate.hpp"

#include <memory>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t micros_a_minute = 60'000'000, minutes_an_hour = 60;
// An event is recorded before its commit: the end of a minute is certain only some time after it.
constexpr std::int64_t settled_minutes = 2;

// For each moment the last position that was recorded before it.
const auto positions_before = std::make_shared<const pg::statement>(pg::statement{"event_rate", R"(
  SELECT m.ordinal, p.low
  FROM unnest($1::timestamptz[]) WITH ORDINALITY AS m(moment, ordinal)
  CROSS JOIN LATERAL (
    WITH RECURSIVE search(low, high) AS (
      SELECT 0::bigint, coalesce(max(position), 0) FROM synclog.events
      UNION ALL
      SELECT CASE WHEN e.recorded_at < m.moment THEN s.middle ELSE s.low END,
             CASE WHEN e.recorded_at < m.moment THEN s.high ELSE s.middle - 1 END
      FROM (SELECT low, high, (low + high + 1) / 2 AS middle FROM search WHERE low < high) s
      JOIN synclog.events e ON e.position = s.middle)
    SELECT low FROM search WHERE low = high) p
  ORDER BY m.ordinal)"});

} // namespace

asio::awaitable<void> event_rate::learn(pg::pool& reads, std::vector<minute_number> ends,
                                        pg::deadline until) {
  std::vector<std::int64_t> moments;
  for (const auto end : ends)
    moments.push_back(end * micros_a_minute);
  pg::params values;
  values.timestamptz_array(moments);
  pg::segment work;
  work.add(positions_before, std::move(values), pg::result_format::binary);
  const auto answer = co_await reads.run_read(std::move(work), until);
  const auto& rows = answer.results.at(0);
  for (int row = 0; row < rows.size(); ++row)
    last_position_[ends.at(static_cast<std::size_t>(rows.int8(row, 0) - 1))] = rows.int8(row, 1);
}

asio::awaitable<std::vector<minute_count>> event_rate::minutes(pg::pool& reads, core::timestamp now,
                                                               std::uint64_t generation, pg::deadline until) {
  const minute_number end = now.micros / micros_a_minute + 1; // of the minute that has begun
  const minute_number begin = end - hours * minutes_an_hour;
  if (generation != generation_) last_position_.clear();
  generation_ = generation;
  last_position_.erase(last_position_.begin(), last_position_.lower_bound(begin));
  last_position_.erase(last_position_.lower_bound(end - settled_minutes), last_position_.end());

  std::vector<minute_number> unknown;
  for (minute_number hour = begin; hour <= end; hour += minutes_an_hour)
    if (last_position_.count(hour) == 0) unknown.push_back(hour);
  if (!unknown.empty()) co_await learn(reads, std::move(unknown), until);
  std::vector<minute_count> counted;
  for (minute_number hour = begin; hour < end; hour += minutes_an_hour) {
    if (last_position_.at(hour) == last_position_.at(hour + minutes_an_hour)) continue;
    unknown.clear();
    for (minute_number minute = hour + 1; minute < hour + minutes_an_hour; ++minute)
      if (last_position_.count(minute) == 0) unknown.push_back(minute);
    if (!unknown.empty()) co_await learn(reads, std::move(unknown), until);
    for (minute_number minute = hour; minute < hour + minutes_an_hour; ++minute) {
      const auto events = last_position_.at(minute + 1) - last_position_.at(minute);
      if (events > 0) counted.push_back({{minute * micros_a_minute}, events});
    }
  }
  co_return counted;
}

} // namespace synclog::eventstore
