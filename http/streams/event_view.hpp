// The plain stream of events: those that pass a filter, as envelopes. Immutable; any thread.
#pragma once
#include "core/event_filter.hpp"
#include "http/streams/stream_view.hpp"

namespace synclog::http::streams {

// `format` outlives the view, or is owned by it.
class event_view final : public stream_view {
 public:
  event_view(core::event_filter filter, std::shared_ptr<const wire_format> format);

  std::string key() const override { return key_; }
  stream_interest interest() const override;
  const wire_format& format() const override { return *format_; }
  bool may_want_before() const override { return false; }
  bool wants_before(const eventstore::feed_event&) const override { return false; }
  bool append(std::string& out, const eventstore::feed_event& event, core::position previous,
              const docs_before& before) const override;

 private:
  core::event_filter filter_;
  std::shared_ptr<const wire_format> format_;
  std::string key_;
};

// The two formats as views hold them.
std::shared_ptr<const wire_format> shared_sse_format();
std::shared_ptr<const wire_format> shared_socket_format();

} // namespace synclog::http::streams
