// See difference.hpp. Fields are compared as bytes first; only containers that differ are parsed.
#include "core/difference.hpp"

#include "core/json.hpp"
#include <algorithm>
#include <array>
#include <iterator>
#include <unordered_map>

namespace synclog::core {

namespace {

constexpr std::array<std::string_view, 5> bookkeeping_names{"id", "version", "position", "created_at",
                                                            "updated_at"};
constexpr std::size_t free_bytes = 4096; // of a field's differences, however small its values are

std::string text_of(const json::value& source) {
  std::string text;
  json::append_value(text, source);
  return text;
}

// One field whose value differs. Recursion is bounded by the depth that the door allows.
class field_walk {
 public:
  field_walk(std::string path, std::size_t max_bytes) : path_(std::move(path)), max_bytes_(max_bytes) {}

  // False when the places take more than the bound: then the field is shown whole.
  bool run(const json::value& from, const json::value& to) {
    compare(from, to);
    return !full();
  }
  std::vector<change> take() { return std::move(found_); }

 private:
  bool full() const { return bytes_ > max_bytes_; }

  void compare(const json::value& from, const json::value& to) {
    if (from.kind == to.kind && from.kind == json::kind::object) return compare_objects(from, to);
    if (from.kind == to.kind && from.kind == json::kind::array && from.count == to.count) {
      for (std::size_t index = 0; index < from.count && !full(); ++index)
        inside(std::to_string(index), [&] { compare(from.items()[index], to.items()[index]); });
      return;
    }
    std::string before = text_of(from), after = text_of(to);
    if (before != after) add(std::move(before), std::move(after));
  }

  void compare_objects(const json::value& from, const json::value& to) {
    const auto found_before = found_.size();
    std::unordered_map<std::string_view, const json::value*> former;
    for (const auto& member : from.members())
      former.emplace(member.name, &member.value);
    for (const auto& member : to.members()) {
      if (full()) return;
      const auto known = former.find(member.name);
      inside(json::pointer_segment(member.name), [&] {
        if (known == former.end())
          add(std::nullopt, text_of(member.value));
        else
          compare(*known->second, member.value);
      });
      if (known != former.end()) former.erase(known);
    }
    for (const auto& member : from.members()) {
      if (full()) return;
      if (former.contains(member.name))
        inside(json::pointer_segment(member.name), [&] { add(text_of(member.value), std::nullopt); });
    }
    if (found_.size() == found_before && !full() && !same_order(from, to)) add(text_of(from), text_of(to));
  }

  static bool same_order(const json::value& from, const json::value& to) {
    const auto same_name = [](const json::member& left, const json::member& right) {
      return left.name == right.name;
    };
    return std::equal(from.members().begin(), from.members().end(), to.members().begin(), to.members().end(),
                      same_name);
  }

  // The path is one text that grows and shrinks: a long name above many elements is not copied for each.
  template <class Work>
  void inside(const std::string& segment, const Work& work) {
    const auto length = path_.size();
    path_.append("/").append(segment);
    work();
    path_.resize(length);
  }

  void add(std::optional<std::string> from, std::optional<std::string> to) {
    bytes_ += path_.size() + (from ? from->size() : 0) + (to ? to->size() : 0);
    if (!full()) found_.push_back({path_, std::move(from), std::move(to)});
  }

  std::string path_;
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::vector<change> found_;
};

bool is_container(std::string_view text) {
  return text.starts_with('{') || text.starts_with('[');
}

void append_field(std::vector<change>& out, std::string path, std::string_view from, std::string_view to) {
  if (is_container(from) && is_container(to)) {
    const auto before = json::parse(from);
    const auto after = json::parse(to);
    if (before && after) {
      field_walk walk(path, from.size() + to.size() + free_bytes);
      if (walk.run(before->root(), after->root())) {
        auto found = walk.take();
        out.insert(out.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
        return;
      }
    }
  }
  out.push_back({std::move(path), std::string(from), std::string(to)});
}

std::vector<json::slice> fields_of(std::string_view doc) {
  std::vector<json::slice> fields;
  if (doc.empty() || !json::split_object(doc, fields)) return {};
  std::erase_if(fields, [](const json::slice& field) {
    return std::find(bookkeeping_names.begin(), bookkeeping_names.end(), field.name) !=
           bookkeeping_names.end();
  });
  return fields;
}

const json::slice* find(const std::vector<json::slice>& fields, std::string_view name, std::size_t expected) {
  if (expected < fields.size() && fields[expected].name == name) return &fields[expected];
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const json::slice& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

// Field names are plain identifiers; a stored text may say otherwise, and is believed.
std::string path_of(std::string_view escaped_name) {
  return "/" + json::pointer_segment(json::unquote("\"" + std::string(escaped_name) + "\""));
}

} // namespace

std::vector<change> differences(std::string_view from, std::string_view to) {
  std::vector<change> found;
  const auto former = fields_of(from), present = fields_of(to);
  for (std::size_t index = 0; index < present.size(); ++index) {
    const auto& field = present[index];
    const auto* const before = find(former, field.name, index);
    if (before != nullptr && before->value == field.value) continue;
    if (before != nullptr) {
      append_field(found, path_of(field.name), before->value, field.value);
    } else if (field.value != "null") {
      found.push_back({path_of(field.name), std::nullopt, std::string(field.value)});
    }
  }
  for (std::size_t index = 0; index < former.size(); ++index) {
    const auto& field = former[index];
    if (field.value != "null" && find(present, field.name, index) == nullptr)
      found.push_back({path_of(field.name), std::string(field.value), std::nullopt});
  }
  return found;
}

void append_changes(std::string& out, std::span<const change> changes) {
  out.push_back('[');
  for (std::size_t index = 0; index < changes.size(); ++index) {
    const auto& one = changes[index];
    out += index == 0 ? R"({"path":)" : R"(,{"path":)";
    json::append_string(out, one.path);
    if (one.from) out.append(R"(,"from":)").append(*one.from);
    if (one.to) out.append(R"(,"to":)").append(*one.to);
    out.push_back('}');
  }
  out.push_back(']');
}

} // namespace synclog::core
