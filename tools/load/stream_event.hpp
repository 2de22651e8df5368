// What is looked at in the text of an event: its place in the stream, and when it began. No JSON is parsed:
// the texts are looked for where the last event had them. Pure; one thread uses a finder.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace synclog::tools::load {

struct event_place {
  std::uint64_t position = 0;
  std::uint64_t previous = 0;
};
// Of synclog's envelope; empty for any other text.
std::optional<event_place> place_of(std::string_view event);

// The position of a control frame's "cursor":"1042-9f3a6c1e"; empty when it has none.
std::optional<std::uint64_t> cursor_of(std::string_view control);

class begin_finder {
 public:
  // The digits behind "sent_ns":" as the writer put them there.
  std::optional<std::int64_t> sent_ns(std::string_view event);
  // "recorded_at" in nanoseconds since 1970.
  static std::optional<std::int64_t> recorded_ns(std::string_view event);

 private:
  std::size_t from_end_ = 0; // where the mark was in the last event
};

} // namespace synclog::tools::load
