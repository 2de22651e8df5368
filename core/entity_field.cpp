// See entity_field.hpp.
#include "core/entity_field.hpp"
#include "core/field_value.hpp"
#include "core/json_schema.hpp"
#include <algorithm>
#include <array>
#include <charconv>

namespace synclog::core {

namespace {

// Keywords that a property of a plain type may have.
constexpr std::array<std::string_view, 10> plain_keywords{"type",     "title",     "description", "$comment",
                                                          "examples", "default",   "format",      "maxLength",
                                                          "enum",     "multipleOf"};

// Keywords that say something about the inside of an object or array.
constexpr std::array<std::string_view, 22> nested_keywords{"properties",
                                                           "required",
                                                           "additionalProperties",
                                                           "items",
                                                           "minItems",
                                                           "maxItems",
                                                           "uniqueItems",
                                                           "minProperties",
                                                           "maxProperties",
                                                           "enum",
                                                           "minLength",
                                                           "maxLength",
                                                           "minimum",
                                                           "maximum",
                                                           "exclusiveMinimum",
                                                           "exclusiveMaximum",
                                                           "multipleOf",
                                                           "pattern",
                                                           "allOf",
                                                           "anyOf",
                                                           "oneOf",
                                                           "not"};

// Field names that would collide with columns of every read table, members of every record, or PostgreSQL's
// own.
constexpr std::array<std::string_view, 14> taken_names{
    "id",       "version", "position", "created_at", "updated_at", "doc", "search_text", "expected_version",
    "tableoid", "xmin",    "cmin",     "xmax",       "cmax",       "ctid"};

template <std::size_t Count>
bool contains(const std::array<std::string_view, Count>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class field_reader {
 public:
  field_reader(const json::member& property, std::string pointer, std::vector<field_error>& errors)
      : name_(property.name), source_(property.value), pointer_(std::move(pointer)), errors_(errors) {}

  field run() {
    made_.name = std::string(name_);
    made_.title = made_.name;
    if (!is_plain_name(name_)) report("", "is no field name: lower-case letters, digits and _, at most 48");
    if (contains(taken_names, name_)) report("", "is a name that every record uses itself");
    if (source_.kind != json::kind::object) {
      report("", "must be an object");
      return std::move(made_);
    }
    read_type();
    const bool container = made_.type == field_type::object || made_.type == field_type::array;
    for (const json::member& keyword : source_.members())
      container ? read_container_keyword(keyword) : read_plain_keyword(keyword);
    if (container) finish_nested_schema();
    return std::move(made_);
  }

 private:
  void report(std::string_view keyword, std::string detail) {
    std::string place = pointer_;
    if (!keyword.empty()) place += "/" + json::pointer_segment(keyword);
    errors_.push_back({std::move(place), std::move(detail)});
  }

  void read_type() {
    const json::value* type = source_.find("type");
    const json::value* format = source_.find("format");
    if (type == nullptr || type->kind != json::kind::string)
      return report("type", "must name the field's type");
    const std::string_view word = type->text;
    if (word == "string")
      made_.type = field_type::text;
    else if (word == "number")
      made_.type = field_type::number;
    else if (word == "integer")
      made_.type = field_type::integer;
    else if (word == "boolean")
      made_.type = field_type::boolean;
    else if (word == "object")
      made_.type = field_type::object;
    else if (word == "array")
      made_.type = field_type::array;
    else
      return report("type", "must be string, number, integer, boolean, object or array");
    if (format == nullptr) return;
    if (word != "string") return report("format", "only a string has a format");
    if (format->text == "date")
      made_.type = field_type::date;
    else if (format->text == "time")
      made_.type = field_type::time;
    else if (format->text == "date-time")
      made_.type = field_type::timestamp;
    else
      report("format", "must be date, time or date-time");
  }

  bool read_annotation(const json::member& keyword) {
    if (keyword.name == "title") {
      if (keyword.value.kind != json::kind::string || keyword.value.text.empty())
        report("title", "must be a text");
      else
        made_.title = std::string(keyword.value.text);
    }
    return keyword.name == "title" || keyword.name == "type" || keyword.name == "description" ||
           keyword.name == "$comment" || keyword.name == "examples" || keyword.name == "default";
  }

  void read_plain_keyword(const json::member& keyword) {
    if (!contains(plain_keywords, keyword.name))
      return report(keyword.name, "is no keyword that is understood here");
    if (read_annotation(keyword)) return;
    if (keyword.name == "maxLength") read_max_length(keyword.value);
    if (keyword.name == "enum") read_enum(keyword.value);
    if (keyword.name == "multipleOf") read_multiple_of(keyword.value);
  }

  void read_max_length(const json::value& given) {
    if (made_.type != field_type::text) return report("maxLength", "only a plain text has a length");
    const char* const end = given.text.data() + given.text.size();
    const auto read = std::from_chars(given.text.data(), end, made_.max_length);
    if (given.kind != json::kind::number || read.ec != std::errc{} || read.ptr != end ||
        made_.max_length == 0 || made_.max_length > general_max_length) {
      made_.max_length = 0;
      report("maxLength", "must be a whole number from 1 to " + std::to_string(general_max_length));
    }
  }

  void read_enum(const json::value& given) {
    if (made_.type != field_type::text) return report("enum", "only a plain text has a list of values");
    if (given.kind != json::kind::array || given.count == 0) return report("enum", "must be a list of texts");
    for (const json::value& each : given.items()) {
      if (each.kind != json::kind::string || each.text.empty())
        return report("enum", "must hold texts that are not empty");
      made_.allowed_values.emplace_back(each.text);
    }
  }

  // 1, 0.1, 0.01 … say how many decimals a number may have; other steps are not supported.
  void read_multiple_of(const json::value& given) {
    if (made_.type != field_type::number) return report("multipleOf", "only a number has decimals");
    std::string_view text = given.kind == json::kind::number ? given.text : std::string_view();
    if (text == "1") {
      made_.max_decimals = 0;
      return;
    }
    const bool shaped = text.starts_with("0.") && text.back() == '1' &&
                        text.substr(2, text.size() - 3).find_first_not_of('0') == std::string_view::npos;
    if (!shaped) return report("multipleOf", "must be 1, 0.1, 0.01 and so on");
    made_.max_decimals = static_cast<int>(text.size()) - 2;
  }

  void read_container_keyword(const json::member& keyword) {
    if (read_annotation(keyword)) return;
    if (!contains(nested_keywords, keyword.name))
      return report(keyword.name, "is no keyword that is understood here");
    if (!nested_.empty()) nested_ += ',';
    json::append_string(nested_, keyword.name);
    nested_ += ':';
    json::append_value(nested_, keyword.value);
    check_nested(keyword.value, pointer_ + "/" + json::pointer_segment(keyword.name),
                 keyword.name == "properties" ? inside::named_schemas : inside::keyword_value);
  }

  enum class inside : std::uint8_t { named_schemas, keyword_value, schema };

  // Unknown keywords inside a nested schema would be ignored silently by the validator: refuse them here.
  // Recursion is bounded by the depth that the door allows.
  void check_nested(const json::value& given, const std::string& pointer, inside what) {
    if (given.kind == json::kind::array) {
      std::size_t index = 0;
      for (const json::value& each : given.items())
        if (const std::string place = pointer + "/" + std::to_string(index++);
            each.kind == json::kind::object)
          check_nested(each, place, inside::schema);
      return;
    }
    for (const json::member& each : given.members()) {
      const std::string place = pointer + "/" + json::pointer_segment(each.name);
      if (what == inside::named_schemas) {
        check_nested(each.value, place, inside::schema);
        continue;
      }
      const bool annotation = each.name == "type" || each.name == "title" || each.name == "description";
      if (annotation || each.name == "enum") continue;
      if (!contains(nested_keywords, each.name)) {
        errors_.push_back({place, "is no keyword that is checked inside an object or array"});
        continue;
      }
      check_nested(each.value, place,
                   each.name == "properties" ? inside::named_schemas : inside::keyword_value);
    }
  }

  void finish_nested_schema() {
    if (nested_.empty()) return;
    made_.nested_schema = "{" + nested_ + "}";
    if (auto why = json::schema_defect(made_.nested_schema)) report("", std::move(*why));
  }

  std::string_view name_;
  const json::value& source_;
  std::string pointer_;
  std::vector<field_error>& errors_;
  field made_;
  std::string nested_; // members of the nested schema
};

} // namespace

bool is_plain_name(std::string_view name, std::size_t max_length) {
  if (name.empty() || name.size() > max_length || name[0] < 'a' || name[0] > 'z') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

field read_field(const json::member& property, const std::string& pointer, std::vector<field_error>& errors) {
  return field_reader(property, pointer, errors).run();
}

void read_default(const json::value& property, const std::string& pointer, field& target,
                  std::vector<field_error>& errors) {
  const json::value* given = property.find("default");
  if (given == nullptr) return;
  std::string text;
  if (auto error = append_canonical(text, target, *given))
    errors.push_back({pointer + "/default" + error->pointer, error->detail});
  else
    target.default_json = std::move(text);
}

} // namespace synclog::core
