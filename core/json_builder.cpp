// See json_builder.hpp. No function here recurses over the input.
#include "core/json_builder.hpp"
#include <algorithm>
#include <cstring>
#include <functional>

namespace synclog::core::json {

namespace {

constexpr std::size_t max_number_length = 400;
constexpr int max_exponent = 308; // what a double holds; RapidJSON stops at more
constexpr int min_exponent = -400;
constexpr std::size_t max_integer_digits = 308;

// Objects up to this size are checked for duplicates pair by pair.
constexpr std::size_t small_object = 16;

} // namespace

std::string_view number_defect(std::string_view text) {
  if (text.size() > max_number_length) return "is a number of more than 400 characters";
  std::size_t at = text.front() == '-' ? 1 : 0;
  const std::size_t first_digit = at;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9')
    ++at;
  if (at - first_digit > max_integer_digits) return "is a number beyond any range";
  const std::size_t mark = text.find_first_of("eE", at);
  if (mark == std::string_view::npos) return {};
  at = mark + 1;
  const bool negative = at < text.size() && text[at] == '-';
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  int exponent = 0;
  for (; at < text.size() && exponent < 10'000; ++at)
    exponent = exponent * 10 + (text[at] - '0');
  if (negative ? -exponent < min_exponent : exponent > max_exponent)
    return "is a number with an absurd exponent";
  return {};
}

void tree_builder::stacks::clear() {
  constexpr std::size_t kept_members = 4'096; // more is given back, so that one huge body does not stay
  frames.clear();
  pending.clear();
  names_by_hash.clear();
  if (pending.capacity() > kept_members) pending.shrink_to_fit();
  if (names_by_hash.capacity() > kept_members) names_by_hash.shrink_to_fit();
}

tree_builder::tree_builder(stacks& work, std::pmr::memory_resource& arena, std::vector<defect>& defects,
                           limits bounds, const char* buffer, std::string_view original, bool has_escapes,
                           const std::vector<patched_spot>& patches)
    : work_(work), arena_(arena), defects_(defects), bounds_(bounds), buffer_(buffer), original_(original),
      has_escapes_(has_escapes), patches_(patches) {
  work_.clear();
  defects_.clear();
}

bool tree_builder::Null() {
  add({});
  return may_go_on();
}

bool tree_builder::Bool(bool given) {
  value node;
  node.kind = kind::boolean;
  node.boolean = given;
  add(node);
  return may_go_on();
}

bool tree_builder::RawNumber(const char* text, std::size_t length, bool) {
  if (skipped_depth_ > 0) return true;
  value node;
  node.kind = kind::number;
  node.text = {text, length};
  std::string_view detail = number_defect(node.text);
  if (!patches_.empty() && detail.empty()) {
    const auto first = static_cast<std::size_t>(text - buffer_);
    detail = patch_within(first, first + length);
  }
  if (!detail.empty()) report(current_pointer(), detail);
  add(node);
  return may_go_on();
}

bool tree_builder::String(const char* text, std::size_t length, bool) {
  if (skipped_depth_ > 0) return true;
  value node;
  node.kind = kind::string;
  node.text = {text, length};
  if (has_escapes_) {
    const std::string_view detail = string_defect(text, length);
    if (!detail.empty()) report(current_pointer(), detail);
  }
  add(node);
  return may_go_on();
}

bool tree_builder::Key(const char* text, std::size_t length, bool) {
  if (skipped_depth_ > 0) return true;
  work_.frames.back().name = {text, length};
  if (has_escapes_) {
    const std::string_view detail = string_defect(text, length);
    if (!detail.empty()) {
      // The name itself would make the pointer unprintable: point at the object that has it.
      report(pointer_to(work_.frames.size() - 1), "has a name that " + std::string(detail));
      work_.frames.back().name = "?";
    }
  }
  return may_go_on();
}

bool tree_builder::open(bool object) {
  if (skipped_depth_ > 0) {
    ++skipped_depth_;
    return work_.frames.size() + skipped_depth_ < bounds_.max_depth * hard_depth_factor;
  }
  if (work_.frames.size() == bounds_.max_depth) {
    report(current_pointer(), "is nested deeper than " + std::to_string(bounds_.max_depth) + " levels");
    skipped_depth_ = 1;
    return may_go_on();
  }
  work_.frames.push_back({object, work_.pending.size(), {}});
  return true;
}

bool tree_builder::close() {
  if (skipped_depth_ > 0) {
    if (--skipped_depth_ == 0) add({});
    return true;
  }
  const frame closed = work_.frames.back();
  const std::span<const member> children(work_.pending.data() + closed.start,
                                         work_.pending.size() - closed.start);
  value node;
  node.count = children.size();
  if (closed.object) {
    report_duplicates(children);
    node.kind = kind::object;
    if (!children.empty()) {
      auto* members =
          static_cast<member*>(arena_.allocate(children.size() * sizeof(member), alignof(member)));
      std::uninitialized_copy(children.begin(), children.end(), members);
      node.first_member = members;
    }
  } else {
    node.kind = kind::array;
    if (!children.empty()) {
      auto* items = static_cast<value*>(arena_.allocate(children.size() * sizeof(value), alignof(value)));
      for (std::size_t at = 0; at < children.size(); ++at)
        new (items + at) value(children[at].value);
      node.first_item = items;
    }
  }
  work_.pending.resize(closed.start);
  work_.frames.pop_back();
  add(node);
  return may_go_on();
}

void tree_builder::add(const value& child) {
  if (skipped_depth_ > 0) return;
  ++values_;
  if (work_.frames.empty())
    root_ = child;
  else
    work_.pending.push_back({work_.frames.back().name, child});
}

void tree_builder::report(std::string pointer, std::string_view detail) {
  defects_.push_back({std::move(pointer), std::string(detail)});
}

std::string tree_builder::pointer_to(std::size_t depth) const {
  std::string pointer;
  for (std::size_t at = 0; at < depth; ++at) {
    const frame& container = work_.frames[at];
    pointer.push_back('/');
    if (container.object) {
      pointer += pointer_segment(container.name);
    } else {
      const bool last = at + 1 == work_.frames.size();
      const std::size_t children_end = last ? work_.pending.size() : work_.frames[at + 1].start;
      pointer += std::to_string(children_end - container.start);
    }
  }
  return pointer;
}

// RapidJSON lets a lone low surrogate through: it shows as the bytes ED A0..BF, which no valid UTF-8 has.
std::string_view tree_builder::string_defect(const char* text, std::size_t length) {
  if (!patches_.empty()) {
    const auto first = static_cast<std::size_t>(text - buffer_);
    std::size_t past = first;
    while (past < original_.size() && original_[past] != '"')
      past += original_[past] == '\\' ? 2 : 1;
    const std::string_view detail = patch_within(first, past);
    if (!detail.empty()) return detail;
  }
  if (length > 0 && std::memchr(text, 0, length) != nullptr) return nul_detail;
  for (std::size_t at = 0; at + 1 < length; ++at)
    if (static_cast<unsigned char>(text[at]) == 0xED && static_cast<unsigned char>(text[at + 1]) >= 0xA0)
      return lone_surrogate_detail;
  return {};
}

std::string_view tree_builder::patch_within(std::size_t first, std::size_t past) {
  while (next_patch_ < patches_.size() && patches_[next_patch_].offset < first)
    ++next_patch_;
  if (next_patch_ == patches_.size() || patches_[next_patch_].offset >= past) return {};
  return patches_[next_patch_].detail;
}

void tree_builder::report_duplicates(std::span<const member> members) {
  const auto report_member = [&](const member& repeated) {
    if (!may_go_on()) return;
    report(pointer_to(work_.frames.size() - 1) + "/" + pointer_segment(repeated.name), "is given twice");
  };
  if (members.size() <= small_object) {
    for (std::size_t at = 1; at < members.size(); ++at)
      for (std::size_t before = 0; before < at; ++before)
        if (members[before].name == members[at].name) {
          report_member(members[at]);
          break;
        }
    return;
  }
  // By hash, then by name: names chosen to collide only cost a sort.
  auto& order = work_.names_by_hash;
  order.clear();
  for (std::size_t at = 0; at < members.size(); ++at)
    order.emplace_back(std::hash<std::string_view>{}(members[at].name), at);
  std::sort(order.begin(), order.end(), [&](const auto& left, const auto& right) {
    if (left.first != right.first) return left.first < right.first;
    const int names = members[left.second].name.compare(members[right.second].name);
    return names != 0 ? names < 0 : left.second < right.second;
  });
  for (std::size_t at = 1; at < order.size(); ++at)
    if (order[at].first == order[at - 1].first &&
        members[order[at].second].name == members[order[at - 1].second].name)
      report_member(members[order[at].second]);
}

} // namespace synclog::core::json
