// The filter of a stream or an events page, applied in memory to each event: catch-up and live use the same
// one.
#pragma once
#include "core/event.hpp"
#include "core/scope.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace synclog::core {

// Empty list = any. Repeated values of one name: any of them; different names: all of them.
struct event_filter {
  std::vector<std::string> resources;
  std::vector<std::string> branches; // matches the branch before or after, of those that the caller sees
  std::vector<std::string> ids;
  std::vector<std::string> actions;
  core::scope caller;

  bool passes_everything() const;
};

// What a filter looks at.
struct event_keys {
  std::string_view entity;
  std::string_view record_id;
  event_action action = event_action::created;
  std::string_view branch;          // "" = none
  std::string_view previous_branch; // meaningful only when moved
  bool moved = false;
};

enum class filter_verdict : std::uint8_t {
  hide,
  show,
  show_as_entered, // the record came from a branch that the caller does not see: which one is not told
  show_as_left,    // the record moved out of the caller's branches: arrives as `deleted` without data
};

filter_verdict apply(const event_filter& filter, const event_keys& keys);

} // namespace synclog::core
