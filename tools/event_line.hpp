// An event as one line for people: local time, position, action, resource, id, version, branch, actor and the
// fields that changed. Pure but for the time zone; any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace synclog::tools {

// The text without what a terminal would obey or that would show it in another order: control characters (C0,
// DEL, C1), line separators and direction marks become \u001b and the like, bytes that are no UTF-8 \xff.
// Applied to JSON text the result is JSON of the same value.
std::string harmless(std::string_view text);
// The same, with line breaks kept: for messages of several lines.
std::string harmless_lines(std::string_view text);

// What a line needs of an envelope (core/event.hpp). The views are JSON tokens inside its text.
struct event_tokens {
  std::string_view position, action, resource, id, version, branch, previous_branch, actor, recorded_at, data;
  bool moved = false; // the branch changed: previous_branch counts

  // A broken invariant when the text is no envelope.
  static event_tokens of(std::string_view envelope);
};

// "phone, city": the top-level fields in which two versions of a record differ, in the order of `after`, then
// those that only `before` has; bookkeeping (version, updated_at …) is left out. "" when either was erased.
std::string changed_fields(std::string_view before, std::string_view after);

enum class paint : std::uint8_t { plain, coloured };

struct line_layout {
  paint ink = paint::plain;
  std::size_t resource_width = 0; // columns that a resource's name takes at least
};

// Ends with a line break and has no other. `changed` "" = nothing to say.
std::string event_line(const event_tokens& event, std::string_view changed, line_layout layout);

} // namespace synclog::tools
