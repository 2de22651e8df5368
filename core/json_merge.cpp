// RFC 7396 over two parsed documents, written straight into the result.
#include "core/json.hpp"
#include <algorithm>
#include <functional>
#include <utility>

namespace synclog::core::json {

namespace {

// Finds members by name without walking a large object for each of them.
class member_index {
 public:
  explicit member_index(const value& object) : object_(object) {
    if (object.count <= walked_members) return;
    for (const member& each : object.members())
      sorted_.push_back(&each);
    std::sort(sorted_.begin(), sorted_.end(),
              [](const member* a, const member* b) { return a->name < b->name; });
  }

  const value* find(std::string_view name) const {
    if (sorted_.empty()) return object_.find(name);
    const auto at =
        std::lower_bound(sorted_.begin(), sorted_.end(), name,
                         [](const member* each, std::string_view wanted) { return each->name < wanted; });
    return at != sorted_.end() && (*at)->name == name ? &(*at)->value : nullptr;
  }

 private:
  static constexpr std::size_t walked_members = 16;
  const value& object_;
  std::vector<const member*> sorted_;
};

// `target` is nullptr where there is nothing to merge into. Recursion is bounded by the depth that the door
// allows.
void append_merged(std::string& out, const value* target, const value& patch) {
  if (patch.kind != kind::object) return append_value(out, patch);
  static const value nothing;
  const value& base = target != nullptr && target->kind == kind::object ? *target : nothing;
  const member_index patched(patch);
  const member_index known(base);
  bool first = true;
  const auto begin_member = [&](std::string_view name) {
    if (!first) out.push_back(',');
    first = false;
    append_string(out, name);
    out.push_back(':');
  };
  out.push_back('{');
  for (const member& kept : base.members()) {
    const value* change = patched.find(kept.name);
    if (change != nullptr && change->kind == kind::null) continue;
    begin_member(kept.name);
    if (change == nullptr)
      append_value(out, kept.value);
    else
      append_merged(out, &kept.value, *change);
  }
  for (const member& added : patch.members()) {
    if (added.value.kind == kind::null || known.find(added.name) != nullptr) continue;
    begin_member(added.name);
    append_merged(out, nullptr, added.value);
  }
  out.push_back('}');
}

result<document> parse_storable(std::string_view text) {
  auto parsed = parse(text);
  if (parsed && !parsed->defects().empty()) {
    const defect& first = parsed->defects().front();
    return invalid_field(first.pointer, first.detail);
  }
  return parsed;
}

} // namespace

result<std::string> merge_patch(std::string_view target, std::string_view patch) {
  auto base = parse_storable(target);
  if (!base) return std::move(base).error();
  auto change = parse_storable(patch);
  if (!change) return std::move(change).error();
  std::string merged;
  merged.reserve(target.size() + patch.size());
  append_merged(merged, &base->root(), change->root());
  return merged;
}

} // namespace synclog::core::json
