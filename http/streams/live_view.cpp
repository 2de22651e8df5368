// See live_view.hpp.
#include "http/streams/live_view.hpp"
#include "core/json.hpp"
#include <algorithm>

namespace synclog::http::streams {

namespace {

// A filter on the branch narrows what must be looked at; so does a caller of few branches.
std::vector<std::string> branches_of(const projections::list_query& query) {
  for (const auto& one : query.filters) {
    const bool on_branch = one.column.field_index && one.column.field_index == query.definition->branch_field;
    const bool names_none = std::find(one.values.begin(), one.values.end(), "") != one.values.end();
    if (on_branch && one.op == projections::comparison::equal && !names_none) return one.values;
  }
  return query.caller.all_branches ? std::vector<std::string>() : query.caller.branches;
}

} // namespace

live_view::live_view(const projections::list_query& query)
    : filter_(query), caller_(query.caller), interest_{{query.definition->name}, branches_of(query), {}} {}

std::string live_view::key() const {
  return "live\n" + filter_.key();
}

bool live_view::concerns(const eventstore::feed_event& event) const {
  if (event.entity != filter_.definition().name) return false;
  return caller_.sees_branch(event.branch) || (event.moved && caller_.sees_branch(event.previous_branch));
}

bool live_view::is_in(const eventstore::feed_event& event) const {
  const auto doc = event.encoded.data();
  // Anything but an object was erased since.
  return event.action != core::event_action::deleted && doc.starts_with('{') && filter_.matches(doc);
}

bool live_view::wants_before(const eventstore::feed_event& event) const {
  return concerns(event) && event.version > 1 && !is_in(event);
}

bool live_view::append(std::string& out, const eventstore::feed_event& event, core::position,
                       const docs_before& before) const {
  if (!concerns(event)) return false;
  if (is_in(event)) {
    format().append_row(out, "upsert", &event.at, event.encoded.data());
    return true;
  }
  if (event.version == 1) return false;
  const auto known = before.states.find(event.at.position.value);
  if (known != before.states.end()) {
    using presence = eventstore::record_state::presence;
    if (known->second.what == presence::deleted) return false;
    if (known->second.what == presence::live && !filter_.matches(known->second.doc)) return false;
  }
  // Where nothing is known of it: taking away what is not there does no harm, keeping what is gone would.
  thread_local std::string object;
  object = R"({"id":)";
  core::json::append_string(object, event.record_id);
  object.push_back('}');
  format().append_row(out, "remove", &event.at, object);
  return true;
}

} // namespace synclog::http::streams
