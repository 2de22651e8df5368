// The versions of one record as a history shows them: who changed what and when. Pure; one reader.
#pragma once
#include "core/difference.hpp"
#include "core/event.hpp"
#include "core/event_filter.hpp"
#include "core/scope.hpp"
#include <optional>
#include <string>
#include <vector>

namespace synclog::core {

struct history_item {
  std::int64_t version = 0;
  core::position position;
  event_action action = event_action::created;
  std::string actor; // JSON token; "" = not told
  timestamp recorded_at;
  std::string branch;                         // "" = none
  std::optional<std::string> previous_branch; // only when the branch changed; "" = it had none
  bool erased = false;                        // what it said was erased: no changes are known
  std::vector<change> changes;
};

// {"version":3,"position":1042,"action":"updated","actor":…,"recorded_at":…,"branch":…,"changes":[…]}
void append_history_item(std::string& out, const history_item& item);

// Takes a record's events one after the other, from its first or from any version on, and holds one state.
class record_history {
 public:
  explicit record_history(scope caller) { filter_.caller = std::move(caller); }

  // What the caller sees of the event; empty = nothing. As in the streams: a version of a branch that they do
  // not see is hidden, and the one that left their branches is a delete that tells nothing more. Changes are
  // against the version before, if that was live and seen; otherwise everything is new. A delete has none.
  std::optional<history_item> take(const event& next);

 private:
  event_filter filter_;
  std::string doc_; // of the version before, when it was live and seen
};

} // namespace synclog::core
