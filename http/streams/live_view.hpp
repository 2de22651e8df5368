// The stream of a live query: `upsert` for a record that is in the result after an event, `remove` for one
// that was and is no longer. Immutable; any thread.
#pragma once
#include "http/streams/stream_view.hpp"
#include "projections/live_filter.hpp"

namespace synclog::http::streams {

class live_view final : public stream_view {
 public:
  // As server-sent events.
  explicit live_view(const projections::list_query& query);

  const projections::live_filter& filter() const { return filter_; }

  std::string key() const override;
  stream_interest interest() const override { return interest_; }
  const wire_format& format() const override { return sse_format(); }
  bool may_want_before() const override { return true; }
  // Only an event after which the record is not in the result must tell whether it was.
  bool wants_before(const eventstore::feed_event& event) const override;
  bool append(std::string& out, const eventstore::feed_event& event, core::position previous,
              const docs_before& before) const override;

 private:
  // Of the entity, and in a branch of the caller's before or after.
  bool concerns(const eventstore::feed_event& event) const;
  bool is_in(const eventstore::feed_event& event) const;

  projections::live_filter filter_;
  core::scope caller_;
  stream_interest interest_;
};

} // namespace synclog::http::streams
