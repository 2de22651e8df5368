// See revert.hpp. The way of every write: the stored fields go through the validator again, because the
// definition may have changed since they were stored.
#include "core/revert.hpp"

#include "core/json.hpp"
#include "core/record.hpp"
#include "core/validate.hpp"

namespace synclog::core {

namespace {

// The fields alone, as a client would send them.
std::string fields_object(const entity& definition, const field_texts& fields) {
  std::string text = "{";
  for (std::size_t index = 0; index < definition.fields.size(); ++index) {
    if (index > 0) text.push_back(',');
    json::append_string(text, definition.fields[index].name);
    text.push_back(':');
    text += fields.get(index);
  }
  return text += '}';
}

} // namespace

result<command> revert_command(const entity& definition, std::string_view doc) {
  const auto former = decode_record(definition, doc);
  if (!former) return former.error();
  const auto parsed = json::parse(fields_object(definition, former->fields));
  if (!parsed) return parsed.error();
  auto valid = validate_object(definition, parsed->root(), "");
  if (!valid) {
    problem why = valid.error();
    why.detail = "that version does not fit today's definition: " + why.detail;
    return why;
  }
  command made;
  made.definition = &definition;
  made.kind = command_kind::revert;
  made.id = former->head.id;
  made.fields = std::move(valid->fields);
  made.created_at = former->head.created_at;
  return made;
}

} // namespace synclog::core
