// How a rebuild goes beside others who are served: how much it moves at a time, when that must be on the
// disk, and how long it rests. Private to the rebuild.
#pragma once
#include "projections/rebuild.hpp"
#include <chrono>
#include <cstddef>

namespace synclog::projections {

// Of a page of records, and of a span of the log that is caught up with.
std::size_t page_bytes_of(const rebuild_options& options);

// Settings of a session that fills or indexes a shadow.
void prepare_writing(eventstore::pg::plain_connection& db, const rebuild_options& options);

// One page: rest(), at its end, sleeps twice as long as the page took, so that most of the time disk and
// processor are the others', and much longer after a page that was slow for its bytes. A rebuild that is not
// gentle never rests.
class page_turn {
 public:
  explicit page_turn(const rebuild_options& options) : gentle_(options.pace.is_gentle) {}
  void rest(std::size_t bytes) const;

 private:
  bool gentle_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

} // namespace synclog::projections
