// See event_filter.hpp.
#include "core/event_filter.hpp"

namespace synclog::core {

namespace {

bool listed(const std::vector<std::string>& wanted, std::string_view value) {
  if (wanted.empty()) {
    return true;
  }
  return std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

} // namespace

bool event_filter::passes_everything() const {
  return resources.empty() && branches.empty() && ids.empty() && actions.empty() && caller.all_branches;
}

filter_verdict apply(const event_filter& filter, const event_keys& keys) {
  if (!listed(filter.resources, keys.entity) || !listed(filter.ids, keys.record_id)) {
    return filter_verdict::hide;
  }
  if (!listed(filter.branches, keys.branch) &&
      !(keys.moved && listed(filter.branches, keys.previous_branch))) {
    return filter_verdict::hide;
  }
  const bool sees_now = filter.caller.sees_branch(keys.branch);
  const bool saw_before = keys.moved && filter.caller.sees_branch(keys.previous_branch);
  if (!sees_now && !saw_before) {
    return filter_verdict::hide;
  }
  // A record that leaves the caller's branches is gone for them, whatever really happened to it.
  const bool left = !sees_now;
  const auto seen_action = left ? event_action::deleted : keys.action;
  if (!listed(filter.actions, to_string(seen_action))) {
    return filter_verdict::hide;
  }
  return left ? filter_verdict::show_as_left : filter_verdict::show;
}

} // namespace synclog::core
