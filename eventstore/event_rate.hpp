// How many events there were in each minute. Counted without reading them: positions have no gaps and
// recorded times never run backwards, so the position at the end of a minute is found by bisection, and
// neighbours are subtracted. One caller at a time.
#pragma once
#include "core/clock.hpp"
#include "core/ids.hpp"
#include "eventstore/pg/pool.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <vector>

namespace synclog::eventstore {

struct minute_count {
  core::timestamp minute; // its beginning
  std::int64_t events = 0;
};

class event_rate {
 public:
  static constexpr std::int64_t hours = 24; // that are told of

  // The minutes of the last hours that had events, ascending, the one that has begun included. The ends of
  // past minutes are remembered: the first call asks for at most 1,500 of them, a later one for the few that
  // are new. `generation` changes when the log is found to have another history, which makes what is
  // remembered void. Throws pg::unavailable and its kin.
  boost::asio::awaitable<std::vector<minute_count>> minutes(pg::pool& reads, core::timestamp now,
                                                            std::uint64_t generation, pg::deadline until);

 private:
  using minute_number = std::int64_t; // since 1970

  boost::asio::awaitable<void> learn(pg::pool& reads, std::vector<minute_number> ends, pg::deadline until);

  std::map<minute_number, std::int64_t>
      last_position_; // by the minute that begins then: of the events before
  std::uint64_t generation_ = 0;
};

} // namespace synclog::eventstore
