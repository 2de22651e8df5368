// Stands in for the database: answers a batch's look-ups from what earlier batches wrote. One thread.
#pragma once
#include "core/event.hpp"
#include "eventstore/pg/types.hpp"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace synclog::tests::bench {

class lookup_answers {
 public:
  void keep(const std::vector<core::event>& committed);
  // One result a query: the head, the latest events of records by id; nobody holds a unique value.
  eventstore::pg::segment_result answer(const eventstore::pg::segment& asked) const;

 private:
  eventstore::pg::rows head() const;
  eventstore::pg::rows latest(const eventstore::pg::params& wanted) const;

  std::optional<core::event> last_;
  std::map<std::string, core::event> by_id_;
};

} // namespace synclog::tests::bench
