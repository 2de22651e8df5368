// What changed between two states of a record, for people and programs: shown by histories, diffs and dry
// runs, never stored. Pure; any thread.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::core {

// One place that differs. A side where nothing stands is empty; null is a value.
struct change {
  std::string path;                    // RFC 6901, from the record's root: "/data/address/city"
  std::optional<std::string> from, to; // JSON texts; never both empty
  bool operator==(const change&) const = default;
};

// From one stored record to another; "" = there was no record. Bookkeeping (id, version, position,
// created_at, updated_at) is left out. Fields come in the order of `to`, those that only `from` has behind
// them. A field that a text lacks and one that is null are the same: nothing.
//
// Objects are walked member by member, arrays of one length element by element. Whole values stand where an
// array became longer or shorter, a value changed its kind, only the order of an object's members differs, or
// naming each place would take more bytes than the two values (and 4 KiB) of the field. So the result is
// never much larger than both records. Setting `to` at each path of `from` (removing what has no `to`) gives
// a record equal to `to`, the order of members aside.
std::vector<change> differences(std::string_view from, std::string_view to);

// [{"path":"/city","from":"A","to":"B"}]; a side where nothing stands is left out.
void append_changes(std::string& out, std::span<const change> changes);

} // namespace synclog::core
