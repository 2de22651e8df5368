// See event_filter.hpp.
#include "core/event_filter.hpp"
#include "core/token.hpp"

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
  return resources.empty() && branches.empty() && ids.empty() && actions.empty() && sees_token_events(caller);
}

filter_verdict apply(const event_filter& filter, const event_keys& keys) {
  if (!listed(filter.resources, keys.entity) || !listed(filter.ids, keys.record_id)) {
    return filter_verdict::hide;
  }
  if (keys.entity == token_entity && !sees_token_events(filter.caller)) return filter_verdict::hide;
  const bool sees_now = filter.caller.sees_branch(keys.branch);
  const bool saw_before = keys.moved && filter.caller.sees_branch(keys.previous_branch);
  // A branch that the caller does not see cannot be asked for either: a move from it would tell that it was
  // there.
  const bool matches_now = sees_now && listed(filter.branches, keys.branch);
  const bool matches_before = saw_before && listed(filter.branches, keys.previous_branch);
  if (!matches_now && !matches_before) {
    return filter_verdict::hide;
  }
  // A record that leaves the caller's branches is gone for them, whatever really happened to it.
  const bool left = !sees_now;
  const auto seen_action = left ? event_action::deleted : keys.action;
  if (!listed(filter.actions, to_string(seen_action))) {
    return filter_verdict::hide;
  }
  if (left) return filter_verdict::show_as_left;
  return keys.moved && !saw_before ? filter_verdict::show_as_entered : filter_verdict::show;
}

} // namespace synclog::core
