// See event_view.hpp.
#include "http/streams/event_view.hpp"
#include "core/token.hpp"
#include "http/streams/event_envelope.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace synclog::http::streams {

namespace {

void append_values(std::string& out, std::string_view name, std::vector<std::string> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  out += name;
  for (const auto& value : values)
    out += fmt::format("{}:{}", value.size(), value);
  out.push_back('\n');
}

std::string key_of(const core::event_filter& filter, const wire_format& format) {
  std::string key = "events\n" + format.key() + "\n";
  append_values(key, "resource ", filter.resources);
  append_values(key, "branch ", filter.branches);
  append_values(key, "id ", filter.ids);
  append_values(key, "action ", filter.actions);
  // Of the caller only what it may see matters: everybody with the same rights shares.
  key += core::sees_token_events(filter.caller) ? "tokens\n" : "records\n";
  if (!filter.caller.all_branches) append_values(key, "scope ", filter.caller.branches);
  return key;
}

} // namespace

std::shared_ptr<const wire_format> shared_sse_format() {
  return {std::shared_ptr<const wire_format>(), &sse_format()}; // lives as long as the program
}

std::shared_ptr<const wire_format> shared_socket_format() {
  static const auto only = std::make_shared<const socket_format>();
  return only;
}

event_view::event_view(core::event_filter filter, std::shared_ptr<const wire_format> format)
    : filter_(std::move(filter)), format_(std::move(format)), key_(key_of(filter_, *format_)) {}

stream_interest event_view::interest() const {
  auto branches = filter_.branches;
  if (branches.empty() && !filter_.caller.all_branches) branches = filter_.caller.branches;
  return {filter_.resources, std::move(branches), filter_.ids};
}

bool event_view::append(std::string& out, const eventstore::feed_event& event, core::position previous,
                        const docs_before&) const {
  const auto verdict = core::apply(filter_, event.keys());
  if (verdict == core::filter_verdict::hide) return false;
  thread_local std::string envelope;
  envelope.clear();
  append_envelope(envelope, event, previous, verdict);
  format_->append_event(out, event.at, envelope);
  return true;
}

} // namespace synclog::http::streams
