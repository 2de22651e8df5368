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

// How long a gentle rebuild rests after a page of so many bytes: twice as long as it took, and up to ten
// times when it was slow for its bytes; half a second at most. A single record may be more than a page.
std::chrono::duration<double> rest_after(std::chrono::duration<double> took, std::size_t bytes);

// One page, from its making to rest(). A rebuild that is not gentle never rests.
class page_turn {
 public:
  explicit page_turn(const rebuild_options& options) : gentle_(options.pace.is_gentle) {}
  void rest(std::size_t bytes) const;

 private:
  bool gentle_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

} // namespace synclog::projections
