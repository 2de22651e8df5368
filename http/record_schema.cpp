// See record_schema.hpp.
#include "http/record_schema.hpp"
#include "core/json.hpp"
#include "http/object_text.hpp"
#include <optional>

namespace synclog::http {

namespace json = core::json;

namespace {

// JSON Schema's own "time" has a zone; ours is a time of day.
constexpr std::string_view time_pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$";

constexpr std::string_view bookkeeping_schemas =
    R"("id":{"$ref":"#/components/schemas/id"},"version":{"type":"integer","minimum":1},)"
    R"("position":{"type":"integer","minimum":1},"created_at":{"type":"string","format":"date-time"},)"
    R"("updated_at":{"type":"string","format":"date-time"})";

constexpr std::string_view input_bookkeeping =
    R"("id":{"$ref":"#/components/schemas/id"},)"
    R"("expected_version":{"type":"integer","minimum":0,"description":"Otherwise 409, with the record as it stands."})";

std::string_view type_word(core::field_type type) {
  switch (type) {
  case core::field_type::number:
    return "number";
  case core::field_type::integer:
    return "integer";
  case core::field_type::boolean:
    return "boolean";
  case core::field_type::object:
    return "object";
  case core::field_type::array:
    return "array";
  case core::field_type::text:
  case core::field_type::date:
  case core::field_type::time:
  case core::field_type::timestamp:
    break;
  }
  return "string";
}

void append_type(object_text& schema, core::field_type type, nullable may_be_null) {
  const auto word = json::quoted(type_word(type));
  schema.json("type", may_be_null == nullable::yes ? "[" + word + R"(,"null"])" : word);
  if (type == core::field_type::date) schema.string("format", "date");
  if (type == core::field_type::timestamp) schema.string("format", "date-time");
  if (type == core::field_type::time) schema.string("pattern", time_pattern);
}

// What definitions say about the inside of a field is draft 4, where exclusiveMinimum is a flag beside
// minimum; draft 7 puts the number there. Recursion over our own tree, whose depth the door has capped.
void append_nested(std::string& out, const json::value& given) {
  if (given.kind == json::kind::array) {
    const char* separator = "[";
    for (const auto& item : given.items()) {
      out += separator;
      append_nested(out, item);
      separator = ",";
    }
    out += given.count == 0 ? "[]" : "]";
    return;
  }
  if (given.kind != json::kind::object) {
    json::append_value(out, given);
    return;
  }
  const auto is_exclusive = [&given](std::string_view flag) {
    const auto* found = given.find(flag);
    return found != nullptr && found->kind == json::kind::boolean && found->boolean;
  };
  object_text made(out);
  for (const auto& each : given.members()) {
    const bool lower = each.name == "minimum" && is_exclusive("exclusiveMinimum");
    const bool upper = each.name == "maximum" && is_exclusive("exclusiveMaximum");
    const bool flag = each.value.kind == json::kind::boolean &&
                      (each.name == "exclusiveMinimum" || each.name == "exclusiveMaximum");
    if (flag) continue;
    auto& value = made.member(lower ? "exclusiveMinimum" : upper ? "exclusiveMaximum" : each.name);
    if (each.name == "enum") {
      json::append_value(value, each.value);
    } else {
      append_nested(value, each.value);
    }
  }
}

void append_inside(object_text& schema, const core::field& field) {
  const auto parsed = json::parse(field.nested_schema);
  if (!parsed) core::invariant_broken("a field's nested schema is no JSON");
  std::string inside;
  append_nested(inside, parsed->root());
  append_type(schema, field.type, nullable::no);
  schema.members(std::string_view(inside).substr(1, inside.size() - 2));
}

void append_allowed(object_text& schema, const core::field& field, nullable may_be_null) {
  auto& out = schema.member("enum");
  const char* separator = "[";
  for (const auto& value : field.allowed_values) {
    out += separator;
    json::append_string(out, value);
    separator = ",";
  }
  out += may_be_null == nullable::yes ? ",null]" : "]";
}

void append_members(object_text& schema, const core::field& field, nullable may_be_null) {
  if (!field.nested_schema.empty()) {
    if (may_be_null == nullable::no) {
      append_inside(schema, field);
      return;
    }
    auto& out = schema.member("anyOf");
    out += '[';
    {
      object_text inside(out);
      append_inside(inside, field);
    }
    out += R"(,{"type":"null"}])";
    return;
  }
  append_type(schema, field.type, may_be_null);
  if (field.max_length > 0) schema.json("maxLength", std::to_string(field.max_length));
  // Not multipleOf: 0.07 is no multiple of 0.01 to whoever computes in binary.
  if (field.max_decimals >= 0) schema.json("x-max-decimals", std::to_string(field.max_decimals));
  if (!field.allowed_values.empty()) append_allowed(schema, field, may_be_null);
}

// A description stands only in the definition's own text.
void append_description(object_text& schema, const json::value* described) {
  const auto* words = described == nullptr ? nullptr : described->find("description");
  if (words != nullptr && words->kind == json::kind::string) schema.string("description", words->text);
}

void append_field(object_text& members, const json::value* properties, const core::field& field,
                  nullable may_be_null) {
  object_text value(members.member(field.name));
  value.string("title", field.title);
  append_description(value, properties == nullptr ? nullptr : properties->find(field.name));
  append_members(value, field, may_be_null);
}

} // namespace

void append_value_schema(std::string& out, const core::field& field, nullable may_be_null) {
  object_text schema(out);
  append_members(schema, field, may_be_null);
}

void append_column_schema(std::string& out, const core::entity& definition, const core::column_ref& column) {
  if (column.field_index) {
    append_value_schema(out, definition.fields[*column.field_index], nullable::no);
    return;
  }
  object_text schema(out);
  append_type(schema, column.type, nullable::no);
}

void append_record_schema(std::string& out, const core::entity& definition) {
  const auto source = json::parse(definition.definition_json);
  const auto* properties = source ? source->root().find("properties") : nullptr;
  object_text schema(out);
  schema.string("type", "object");
  schema.string("title", definition.title);
  append_description(schema, source ? &source->root() : nullptr);
  // As it was loaded: what pages need to know of filters, order, search and keys.
  if (source) json::append_value(schema.member("x-definition"), source->root());
  auto& required = schema.member("required");
  required += R"(["id","version","position","created_at","updated_at")";
  for (const auto& field : definition.fields) {
    if (!field.required) continue;
    required += ',';
    json::append_string(required, field.name);
  }
  required += ']';
  object_text members(schema.member("properties"));
  members.members(bookkeeping_schemas);
  for (const auto& field : definition.fields)
    append_field(members, properties, field, field.required ? nullable::no : nullable::yes);
}

void append_input_schema(std::string& out, const core::entity& definition) {
  const auto source = json::parse(definition.definition_json);
  const auto* properties = source ? source->root().find("properties") : nullptr;
  object_text schema(out);
  schema.string("type", "object");
  schema.string("title", definition.title);
  {
    auto& required = schema.member("x-required-to-create");
    const char* separator = "[";
    for (const auto& field : definition.fields) {
      if (!field.required) continue;
      required += separator;
      json::append_string(required, field.name);
      separator = ",";
    }
    required += *separator == '[' ? "[]" : "]";
  }
  if (!definition.aliases.empty()) {
    object_text aliases(schema.member("x-aliases"));
    for (const auto& [spelling, field] : definition.aliases)
      aliases.string(spelling, field);
  }
  object_text members(schema.member("properties"));
  members.members(input_bookkeeping);
  for (const auto& field : definition.fields)
    append_field(members, properties, field, nullable::yes);
}

} // namespace synclog::http
