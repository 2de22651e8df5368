// See openapi.hpp. What several operations share stands in components (openapi_fixed.hpp) and is referred to.
#include "http/openapi.hpp"
#include "core/problem.hpp"
#include "http/object_text.hpp"
#include "http/openapi_access.hpp"
#include "http/openapi_fixed.hpp"
#include "http/record_schema.hpp"
#include "http/wire_schemas.hpp"
#include "projections/layout.hpp"
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <initializer_list>
#include <set>
#include <vector>

namespace synclog::http {

namespace json = core::json;

namespace {

constexpr std::string_view title = "synclog";
constexpr std::string_view description =
    "Every input is saved as an event first; lists and records are read from tables that follow in the same "
    "transaction. A name that is not known is refused, never ignored. Streams are described in "
    "/asyncapi.json.";
constexpr std::array<std::string_view, 5> bookkeeping_names{"id", "version", "position", "created_at",
                                                            "updated_at"};
constexpr std::array<std::string_view, 5> comparisons{"gte", "gt", "lte", "lt", "ne"};

std::string reference(std::string_view kind, std::string_view name) {
  return fmt::format(R"({{"$ref":"#/components/{}/{}"}})", kind, name);
}

// A JSON array that is written item by item; the end of its scope closes it.
class array_text {
 public:
  explicit array_text(std::string& out) : out_(out) { out_ += '['; }
  array_text(const array_text&) = delete;
  array_text& operator=(const array_text&) = delete;
  ~array_text() { out_ += ']'; }
  std::string& item() {
    if (!first_) out_ += ',';
    first_ = false;
    return out_;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

// "stock-requests" -> "stock_requests": what generated code can be named after.
std::string identifier(std::string_view name) {
  std::string made(name);
  std::replace(made.begin(), made.end(), '-', '_');
  return made;
}

void append_references(array_text& list, std::string_view kind,
                       std::initializer_list<std::string_view> names) {
  for (const auto name : names)
    list.item() += reference(kind, name);
}

// One operation of an entity: what every one of them has.
void begin_operation(object_text& operation, const core::entity& entity, std::string_view verb,
                     std::string_view summary) {
  operation.string("operationId", fmt::format("{}_{}", verb, identifier(entity.name)));
  {
    array_text tags(operation.member("tags"));
    json::append_string(tags.item(), entity.name);
  }
  operation.string("summary", summary);
}

void append_refusals(object_text& responses, std::initializer_list<std::string_view> statuses) {
  for (const std::string_view status : {"401", "403"})
    responses.json(status, reference("responses", "problem"));
  responses.json("429", reference("responses", "busy"));
  for (const auto status : statuses)
    responses.json(status, reference("responses", status == "503" ? "busy" : "problem"));
}

void append_headers(object_text& response,
                    std::initializer_list<std::pair<std::string_view, std::string_view>> headers) {
  object_text listed(response.member("headers"));
  for (const auto& [name, component] : headers)
    listed.json(name, reference("headers", component));
}

void append_record_response(object_text& responses, const core::entity& entity, std::string_view status,
                            std::string_view words) {
  object_text response(responses.member(status));
  response.string("description", words);
  append_headers(response, {{"ETag", "etag"}, {"Sync-Position", "sync_position"}});
  object_text content(response.member("content"));
  object_text media(content.member("application/json"));
  media.json("schema", reference("schemas", "record." + entity.name));
}

// ---- lists

void append_filter_parameter(array_text& parameters, const core::entity& entity, std::string_view name,
                             const core::column_ref& column) {
  object_text parameter(parameters.item());
  parameter.string("name", name);
  parameter.string("in", "query");
  parameter.string("description", "Any of these; empty: no value.");
  object_text schema(parameter.member("schema"));
  schema.string("type", "array");
  append_column_schema(schema.member("items"), entity, column);
}

// name[gte]=… as one parameter. The name of a filter is taken by its equality, so there each comparison is
// one.
void append_comparison_parameters(array_text& parameters, const core::entity& entity, std::string_view name,
                                  const core::column_ref& column, bool is_filter) {
  std::string value;
  append_column_schema(value, entity, column);
  if (is_filter) {
    for (const auto word : comparisons) {
      object_text parameter(parameters.item());
      parameter.string("name", fmt::format("{}[{}]", name, word));
      parameter.string("in", "query");
      parameter.json("schema", value);
    }
    return;
  }
  object_text parameter(parameters.item());
  parameter.string("name", name);
  parameter.string("in", "query");
  parameter.string("style", "deepObject");
  parameter.json("explode", "true");
  object_text schema(parameter.member("schema"));
  schema.string("type", "object");
  schema.json("additionalProperties", "false");
  object_text members(schema.member("properties"));
  for (const auto word : comparisons)
    members.json(word, value);
}

void append_list_parameters(object_text& operation, const core::entity& entity) {
  array_text parameters(operation.member("parameters"));
  std::vector<std::string> sortable(bookkeeping_names.begin(), bookkeeping_names.end());
  std::set<std::string_view> filters;
  for (const auto& [name, column_name] : entity.filters) {
    const auto column = entity.column(column_name);
    if (!column) core::invariant_broken("a filter names no column");
    filters.insert(name);
    append_filter_parameter(parameters, entity, name, *column);
    if (projections::is_ordered(column->type))
      append_comparison_parameters(parameters, entity, name, *column, true);
  }
  for (const auto& field : entity.fields)
    if (projections::is_ordered(field.type)) sortable.push_back(field.name);
  for (const auto& name : sortable) {
    // `id` alone is one record.
    if (filters.count(name) == 0)
      append_comparison_parameters(parameters, entity, name, *entity.column(name), name == "id");
  }
  {
    object_text parameter(parameters.item());
    parameter.string("name", "id");
    parameter.string("in", "query");
    parameter.string("description",
                     "This one record instead of a list; goes with no other parameter but at or version.");
    parameter.json("schema", reference("schemas", "id"));
  }
  if (!entity.search_fields.empty())
    parameters.item() +=
        R"({"name":"search","in":"query","description":"Part of a text, without regard to case and accents.","schema":{"type":"string"}})";
  {
    object_text parameter(parameters.item());
    parameter.string("name", "sort");
    parameter.string("in", "query");
    parameter.string("description",
                     fmt::format("Columns separated by commas, - before one for descending: {}.",
                                 fmt::join(sortable, ", ")));
    parameter.json("schema", R"({"type":"string"})");
  }
  append_references(parameters, "parameters",
                    {"at", "limit", "cursor", "if_none_match", "after", "last_event_id"});
}

void append_list(object_text& path, const core::entity& entity) {
  object_text operation(path.member("get"));
  begin_operation(operation, entity, "list", entity.title);
  operation.string("description",
                   "With `Accept: text/event-stream` a live query: its rows, then what changes (see "
                   "/asyncapi.json); `after` and `Last-Event-ID` belong to it.");
  append_list_parameters(operation, entity);
  object_text responses(operation.member("responses"));
  {
    object_text response(responses.member("200"));
    response.string("description", "The rows; with `id` the one record.");
    append_headers(response, {{"ETag", "etag"}, {"Sync-Position", "sync_position"}, {"Link", "link"}});
    object_text content(response.member("content"));
    const auto record = reference("schemas", "record." + entity.name);
    content.json("application/json",
                 fmt::format(R"({{"schema":{{"oneOf":[{{"type":"array","items":{0}}},{0}]}}}})", record));
    content.json("application/x-ndjson", R"({"schema":{"type":"string"}})");
    content.json("text/csv", R"({"schema":{"type":"string"}})");
    content.json("text/event-stream", R"({"schema":{"type":"string"}})");
  }
  responses.json("304", reference("responses", "not_modified"));
  append_refusals(responses, {"400", "404", "406", "503"});
}

// ---- writes

void append_body(object_text& operation, const core::entity& entity,
                 std::initializer_list<std::string_view> json_types, bool with_csv) {
  object_text body(operation.member("requestBody"));
  body.json("required", "true");
  object_text content(body.member("content"));
  const auto one = reference("schemas", "input." + entity.name);
  for (const auto type : json_types)
    content.json(type, fmt::format(R"({{"schema":{{"oneOf":[{0},{{"type":"array","items":{0}}}]}}}})", one));
  content.json("application/x-ndjson", R"({"schema":{"type":"string","description":"A record a line."}})");
  if (with_csv)
    content.json("text/csv",
                 R"({"schema":{"type":"string","description":"A header, then a record a line."}})");
}

// A record, or what became of every item.
void append_saved(object_text& responses, const core::entity& entity) {
  object_text response(responses.member("200"));
  response.string("description", "The record as it stands now; for several items what became of each.");
  append_headers(response, {{"ETag", "etag"},
                            {"Location", "location"},
                            {"Sync-Position", "sync_position"},
                            {"Idempotency-Replayed", "replayed"}});
  object_text content(response.member("content"));
  content.json("application/json", fmt::format(R"({{"schema":{{"oneOf":[{},{}]}}}})",
                                               reference("schemas", "record." + entity.name),
                                               reference("schemas", "bulk_result")));
}

void append_save(object_text& path, const core::entity& entity) {
  object_text operation(path.member("post"));
  begin_operation(operation, entity, "save", "Create, or merge into what exists");
  operation.string("description",
                   "A record with the same id, or without an id the same natural key, is merged; when "
                   "nothing differs it is unchanged and no event is made. Several items are a bulk.");
  {
    array_text parameters(operation.member("parameters"));
    append_references(parameters, "parameters",
                      {"dry_run", "map", "quotes", "idempotency_key", "if_match", "if_none_match", "prefer"});
  }
  append_body(operation, entity, {"application/json"}, true);
  object_text responses(operation.member("responses"));
  append_saved(responses, entity);
  append_record_response(responses, entity, "201", "Created.");
  responses.json("204", reference("responses", "unchanged_empty"));
  responses.json("207", reference("responses", "bulk"));
  append_refusals(responses, {"400", "409", "412", "413", "415", "422", "503"});
}

void append_merge(object_text& path, const core::entity& entity, std::string_view method,
                  std::string_view suffix) {
  object_text operation(path.member(method));
  begin_operation(operation, entity, fmt::format("{}{}", method == "put" ? "merge" : "patch", suffix),
                  "Change a record that exists");
  operation.string("description",
                   "A merge patch (RFC 7396): null clears a field. PUT and PATCH do the same.");
  {
    array_text parameters(operation.member("parameters"));
    if (!suffix.empty()) append_references(parameters, "parameters", {"id"});
    append_references(parameters, "parameters", {"dry_run", "idempotency_key", "if_match", "prefer"});
  }
  append_body(operation, entity, {"application/json", "application/merge-patch+json"}, false);
  object_text responses(operation.member("responses"));
  append_saved(responses, entity);
  responses.json("204", reference("responses", "unchanged_empty"));
  responses.json("207", reference("responses", "bulk"));
  append_refusals(responses, {"400", "404", "409", "412", "413", "415", "422", "503"});
}

void append_remove(object_text& path, const core::entity& entity, std::string_view suffix) {
  object_text operation(path.member("delete"));
  begin_operation(operation, entity, fmt::format("delete{}", suffix), "Delete");
  {
    array_text parameters(operation.member("parameters"));
    if (suffix.empty())
      parameters.item() +=
          R"({"name":"id","in":"query","required":true,"schema":{"type":"array","minItems":1,"items":{"$ref":"#/components/schemas/id"}}})";
    else
      append_references(parameters, "parameters", {"id"});
    append_references(parameters, "parameters", {"dry_run", "idempotency_key", "if_match"});
  }
  object_text responses(operation.member("responses"));
  responses.json("200", reference("responses", "removed"));
  append_refusals(responses, {"400", "404", "412", "503"});
}

void append_get(object_text& path, const core::entity& entity) {
  object_text operation(path.member("get"));
  begin_operation(operation, entity, "get", "One record");
  {
    array_text parameters(operation.member("parameters"));
    append_references(parameters, "parameters", {"id", "version", "at", "if_none_match"});
  }
  object_text responses(operation.member("responses"));
  append_record_response(responses, entity, "200", "The record.");
  responses.json("304", reference("responses", "not_modified"));
  append_refusals(responses, {"400", "404", "406", "503"});
}

void append_history(object_text& path, const core::entity& entity) {
  object_text operation(path.member("get"));
  begin_operation(operation, entity, "history", "Every version: who changed what and when");
  {
    array_text parameters(operation.member("parameters"));
    append_references(parameters, "parameters", {"id", "limit", "after_version", "if_none_match"});
  }
  object_text responses(operation.member("responses"));
  {
    object_text response(responses.member("200"));
    response.string("description", "Oldest first, deletes included.");
    append_headers(response, {{"ETag", "etag"}, {"Sync-Position", "sync_position"}, {"Link", "link"}});
    object_text content(response.member("content"));
    content.json("application/json", fmt::format(R"({{"schema":{{"type":"array","items":{}}}}})",
                                                 reference("schemas", "history_item")));
  }
  responses.json("304", reference("responses", "not_modified"));
  append_refusals(responses, {"400", "404", "406", "503"});
}

void append_revert(object_text& path, const core::entity& entity) {
  object_text operation(path.member("post"));
  begin_operation(operation, entity, "revert", "Bring an earlier version back, also after a delete");
  {
    array_text parameters(operation.member("parameters"));
    append_references(parameters, "parameters", {"id", "dry_run", "idempotency_key", "if_match", "prefer"});
  }
  {
    object_text body(operation.member("requestBody"));
    body.json("required", "true");
    object_text content(body.member("content"));
    content.json("application/json", fmt::format(R"({{"schema":{}}})", reference("schemas", "revert")));
  }
  object_text responses(operation.member("responses"));
  append_saved(responses, entity);
  responses.json("204", reference("responses", "unchanged_empty"));
  append_refusals(responses, {"400", "404", "409", "412", "413", "415", "422", "503"});
}

void append_entity_paths(object_text& paths, const core::entity& entity) {
  {
    object_text path(paths.member("/api/" + entity.name));
    append_list(path, entity);
    append_save(path, entity);
    append_merge(path, entity, "put", "");
    append_merge(path, entity, "patch", "");
    append_remove(path, entity, "");
  }
  {
    object_text path(paths.member("/api/" + entity.name + "/{id}"));
    append_get(path, entity);
    append_merge(path, entity, "put", "_one");
    append_merge(path, entity, "patch", "_one");
    append_remove(path, entity, "_one");
  }
  {
    object_text path(paths.member("/api/" + entity.name + "/{id}/history"));
    append_history(path, entity);
  }
  object_text path(paths.member("/api/" + entity.name + "/{id}/revert"));
  append_revert(path, entity);
}

// ---- components

void append_problem_codes(object_text& schemas) {
  object_text schema(schemas.member("problem_code"));
  schema.string("type", "string");
  array_text words(schema.member("enum"));
  for (int code = 0; code <= static_cast<int>(core::problem_code::internal); ++code)
    json::append_string(words.item(), core::to_string(static_cast<core::problem_code>(code)));
}

void append_components(object_text& document, const core::catalog& entities) {
  object_text components(document.member("components"));
  {
    object_text members(components.member("parameters"));
    members.members(openapi::parameters);
  }
  {
    object_text members(components.member("headers"));
    members.members(openapi::headers);
  }
  {
    object_text members(components.member("responses"));
    members.members(openapi::responses);
  }
  {
    object_text members(components.member("securitySchemes"));
    members.members(openapi::security_schemes);
  }
  object_text schemas(components.member("schemas"));
  schemas.members(wire_schemas);
  schemas.members(openapi::schemas);
  schemas.members(openapi::access_schemas);
  append_problem_codes(schemas);
  {
    object_text schema(schemas.member("resource"));
    schema.string("type", "string");
    array_text names(schema.member("enum"));
    for (const auto& entity : entities.all())
      json::append_string(names.item(), entity->name);
  }
  for (const auto& entity : entities.all()) {
    append_record_schema(schemas.member("record." + entity->name), *entity);
    append_input_schema(schemas.member("input." + entity->name), *entity);
  }
}

void append_tags(object_text& document, const core::catalog& entities) {
  array_text tags(document.member("tags"));
  const auto add = [&tags](std::string_view name, std::string_view words) {
    object_text tag(tags.item());
    tag.string("name", name);
    tag.string("description", words);
  };
  for (const auto& entity : entities.all())
    add(entity->name, entity->title);
  add("events", "Every change, in order");
  add("admin", "The log as a whole: for admins, and for auditors where it only reads");
  add("access", "Signing in, tickets, tokens");
  add("server", "Health, descriptions and the console");
}

} // namespace

std::string openapi_text(const core::catalog& entities, std::string_view server_version) {
  std::string made;
  {
    object_text document(made);
    document.string("openapi", "3.1.0");
    {
      object_text info(document.member("info"));
      info.string("title", title);
      info.string("version", server_version);
      info.string("description", description);
    }
    // Relative: wherever this document came from, also below a prefix.
    document.json("servers", R"([{"url":"."}])");
    document.json("security", openapi::security);
    append_tags(document, entities);
    {
      object_text paths(document.member("paths"));
      for (const auto& entity : entities.all())
        append_entity_paths(paths, *entity);
      paths.members(openapi::paths);
      paths.members(openapi::access_paths);
    }
    append_components(document, entities);
  }
  return made;
}

} // namespace synclog::http
