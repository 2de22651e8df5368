// See validate.hpp. What one value may be is field_value's business; this file knows records.
#include "core/validate.hpp"
#include "core/field_value.hpp"
#include "core/utf8.hpp"
#include <algorithm>
#include <array>
#include <charconv>

namespace synclog::core {

namespace {

constexpr std::size_t max_errors = 50;        // per record: who sends more gets told to look at these first
constexpr std::size_t usual_field_bytes = 32; // of canonical text: a first guess that saves most copies
constexpr std::size_t max_suggestions = 5;    // unknown names that get a "did you mean"
constexpr std::size_t longest_suggestion = 32;
constexpr std::size_t shown_name_bytes = 64; // of an unknown name in a message

constexpr std::array<std::string_view, 4> ignored_names{"version", "position", "created_at", "updated_at"};

// Levenshtein distance with one row; both texts are short.
std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::array<std::size_t, longest_suggestion + 1> row{};
  for (std::size_t at = 0; at <= right.size(); ++at)
    row[at] = at;
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[right.size()];
}

std::string nearest_name(const entity& definition, std::string_view name) {
  std::string nearest;
  std::size_t best = 3; // a farther name is no typo
  const auto consider = [&](std::string_view known) {
    if (known.size() > longest_suggestion) return;
    const std::size_t distance = edit_distance(name, known);
    if (distance < best && distance < known.size()) {
      best = distance;
      nearest = std::string(known);
    }
  };
  if (name.size() > longest_suggestion) return nearest;
  for (const field& each : definition.fields)
    consider(each.name);
  for (const auto& [alias, target] : definition.aliases)
    consider(alias);
  return nearest;
}

class record_validator {
 public:
  record_validator(const entity& definition, std::string_view base_pointer)
      : definition_(definition),
        base_(base_pointer), made_{{}, field_texts(definition.fields.size()), std::nullopt} {}

  result<input_record> run(const json::value& object) {
    if (object.kind != json::kind::object) return invalid_field(std::string(base_), "must be an object");
    made_.fields.reserve(std::min(object.count, definition_.fields.size()) * usual_field_bytes);
    made_.fields.reserve(256);
    for (const json::member& each : object.members()) {
      if (errors_.size() >= max_errors) break;
      read(each);
    }
    if (errors_.empty()) return std::move(made_);
    problem refused;
    refused.code = problem_code::invalid;
    refused.detail = errors_.front().pointer + ": " + errors_.front().detail;
    if (errors_.size() > 1) refused.detail += " (and " + std::to_string(errors_.size() - 1) + " more)";
    refused.errors = std::move(errors_);
    return refused;
  }

 private:
  void report(std::string_view name, std::string_view deeper, std::string detail) {
    std::string pointer(base_);
    pointer += '/';
    pointer += json::pointer_segment(name);
    pointer += deeper;
    errors_.push_back({std::move(pointer), std::move(detail)});
  }

  void read(const json::member& given) {
    // Most clients send the fields in the definition's order.
    if (expected_ < definition_.fields.size() && definition_.fields[expected_].name == given.name)
      return read_field(given, expected_);
    if (const auto index = definition_.field_or_alias(given.name)) return read_field(given, *index);
    if (given.name == "id") return read_id(given.value);
    if (given.name == "expected_version") return read_expected_version(given.value);
    if (std::find(ignored_names.begin(), ignored_names.end(), given.name) != ignored_names.end()) return;
    report_unknown(given.name);
  }

  void read_field(const json::member& given, std::size_t index) {
    const field& target = definition_.fields[index];
    expected_ = index + 1;
    if (made_.fields.has(index))
      return report(given.name, "", "is a second spelling of " + target.name + ", which is given too");
    scratch_.clear();
    if (auto error = append_canonical(scratch_, target, given.value)) {
      made_.fields.set(index, "null"); // so that a second spelling is still noticed
      return report(given.name, error->pointer, std::move(error->detail));
    }
    made_.fields.set(index, scratch_);
  }

  void read_id(const json::value& given) {
    const bool readable = given.kind == json::kind::string || given.kind == json::kind::number;
    if (given.kind == json::kind::null || (readable && given.text.empty())) return;
    if (!readable || !is_valid_record_id(given.text))
      return report("id", "",
                    "must be a text of 1 to 255 bytes without / and control characters, and not . or ..");
    made_.id = std::string(given.text);
  }

  void read_expected_version(const json::value& given) {
    if (given.kind == json::kind::null) return;
    std::int64_t version = 0;
    const char* const end = given.text.data() + given.text.size();
    const bool readable = given.kind == json::kind::number || given.kind == json::kind::string;
    if (readable && !given.text.empty()) {
      const auto read = std::from_chars(given.text.data(), end, version);
      if (read.ec == std::errc{} && read.ptr == end && version >= 0) {
        made_.expected_version = version;
        return;
      }
    }
    report("expected_version", "", "must be a whole number from 0");
  }

  void report_unknown(std::string_view name) {
    std::string detail = "is no field of " + definition_.name;
    if (suggestions_++ < max_suggestions)
      if (const std::string nearest = nearest_name(definition_, name); !nearest.empty())
        detail += "; did you mean " + nearest + "?";
    if (name.size() > shown_name_bytes) { // cut between characters
      std::size_t shown = shown_name_bytes;
      while ((static_cast<unsigned char>(name[shown]) & 0xC0) == 0x80)
        --shown;
      report(std::string(name.substr(0, shown)) + "…", "", std::move(detail));
    } else {
      report(name, "", std::move(detail));
    }
  }

  const entity& definition_;
  std::string_view base_;
  input_record made_;
  std::string scratch_;
  std::vector<field_error> errors_;
  std::size_t suggestions_ = 0;
  std::size_t expected_ = 0; // the field that probably comes next
};

} // namespace

result<input_record> validate_object(const entity& definition, const json::value& object,
                                     std::string_view base_pointer) {
  return record_validator(definition, base_pointer).run(object);
}

result<std::string> validate_text(const field& definition, std::string_view text) {
  if (text.empty()) return std::string("null");
  std::string canonical;
  if (auto error = append_canonical_text(canonical, definition, text))
    return invalid_field("/" + definition.name + error->pointer, std::move(error->detail));
  return canonical;
}

std::vector<field_error> check_required(const entity& definition, const field_texts& fields,
                                        std::string_view base_pointer) {
  std::vector<field_error> missing;
  for (std::size_t index = 0; index < definition.fields.size(); ++index) {
    const field& each = definition.fields[index];
    if (!each.required) continue;
    const bool given = fields.has(index) && !fields.is_null(index);
    const bool lacks = given ? fields.get(index) == "\"\"" : each.default_json == "null";
    if (lacks) missing.push_back({std::string(base_pointer) + "/" + each.name, "is required"});
  }
  return missing;
}

void fill_defaults(const entity& definition, field_texts& fields) {
  for (std::size_t index = 0; index < definition.fields.size(); ++index)
    if (!fields.has(index) || fields.is_null(index)) fields.set(index, definition.fields[index].default_json);
}

result<std::string> canonical_filter_text(field_type type, std::string_view text) {
  const auto refuse = [](std::string_view why) {
    return make_problem(problem_code::bad_request, std::string(why));
  };
  if (text.find('\0') != std::string_view::npos || !is_valid_utf8(text))
    return refuse("the value is no UTF-8 text");
  if (type == field_type::text) return std::string(text);
  if (type == field_type::object || type == field_type::array)
    return refuse("an object or array cannot be compared");
  field probe;
  probe.type = type;
  std::string canonical;
  if (auto error = append_canonical_text(canonical, probe, text)) return refuse("the value " + error->detail);
  if (canonical == "null") return refuse("the value is empty");
  return canonical.front() == '"' ? json::unquote(canonical) : canonical;
}

} // namespace synclog::core
