// See json_schema.hpp. RapidJSON's validator stops at the first violation, which is enough inside a field.
#include "core/json_schema.hpp"
#include "core/json_rapidjson.hpp"
#include <map>
#include <memory>
#include <mutex>
#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>
#include <shared_mutex>

namespace synclog::core::json {

namespace {

constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

// The definition that comes from a file has no other way in than the door, so the parse itself cannot fail.
std::unique_ptr<const rapidjson::SchemaDocument> compile(std::string_view schema) {
  rapidjson::Document source;
  source.Parse<flags>(schema.data(), schema.size());
  if (source.HasParseError() || !source.IsObject()) return nullptr;
  return std::make_unique<const rapidjson::SchemaDocument>(source);
}

const rapidjson::SchemaDocument& compiled(std::string_view schema) {
  static std::shared_mutex guard;
  static std::map<std::string, std::unique_ptr<const rapidjson::SchemaDocument>, std::less<>> known;
  {
    const std::shared_lock reading(guard);
    const auto found = known.find(schema);
    if (found != known.end()) return *found->second;
  }
  auto made = compile(schema);
  if (!made) throw rapidjson_assertion("a schema was used that did not pass schema_defect");
  const std::unique_lock writing(guard);
  return *known.try_emplace(std::string(schema), std::move(made)).first->second;
}

} // namespace

std::optional<schema_violation> check_schema(std::string_view schema, std::string_view value_text) {
  rapidjson::SchemaValidator validator(compiled(schema));
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream(value_text.data(), value_text.size());
  reader.Parse<flags>(stream, validator);
  if (validator.IsValid() && !reader.HasParseError()) return std::nullopt;
  if (validator.IsValid()) return schema_violation{{}, "cannot be checked"};
  rapidjson::StringBuffer place;
  validator.GetInvalidDocumentPointer().Stringify(place);
  const char* const keyword = validator.GetInvalidSchemaKeyword();
  schema_violation broken;
  broken.pointer.assign(place.GetString(), place.GetSize());
  broken.detail =
      "does not satisfy \"" + std::string(keyword == nullptr ? "schema" : keyword) + "\" of its definition";
  return broken;
}

std::optional<std::string> schema_defect(std::string_view schema) {
  try {
    if (compile(schema)) return std::nullopt;
    return "is no schema";
  } catch (const rapidjson_assertion& broken) {
    return "is a schema that cannot be used: " + std::string(broken.what());
  }
}

} // namespace synclog::core::json
