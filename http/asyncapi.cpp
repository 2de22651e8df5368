// See asyncapi.hpp. Names inside the document: event.clients, record.clients, snapshot.clients … belong to an
// entity, stream.* to server-sent events, socket.* to the WebSocket.
#include "http/asyncapi.hpp"
#include "http/asyncapi_fixed.hpp"
#include "http/object_text.hpp"
#include "http/record_schema.hpp"
#include "http/wire_schemas.hpp"
#include "projections/layout.hpp"
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace synclog::http {

namespace json = core::json;

namespace {

constexpr std::string_view title = "synclog events";
constexpr std::string_view description =
    "Every change of every record is one event of one log, in one order. Streams start at a cursor and miss "
    "nothing: an event comes once, in order, across reconnections.";

// Whether a server-sent event of that name moves the client's Last-Event-ID.
enum class id_line : std::uint8_t { never, always };

struct named_frame {
  std::string_view name;
  id_line id;
};
constexpr std::array<named_frame, 8> named_frames{{{"hello", id_line::never},
                                                   {"caught_up", id_line::always},
                                                   {"checkpoint", id_line::always},
                                                   {"resync", id_line::always},
                                                   {"bye", id_line::never},
                                                   {"snapshot", id_line::never},
                                                   {"upsert", id_line::always},
                                                   {"remove", id_line::always}}};

std::string reference(std::string_view pointer) {
  return fmt::format(R"({{"$ref":"#/{}"}})", pointer);
}

std::string schema_reference(std::string_view name) {
  return reference(fmt::format("components/schemas/{}", name));
}

std::string message_reference(std::string_view name) {
  return reference(fmt::format("components/messages/{}", name));
}

std::string list_of_values(std::string_view item) {
  return fmt::format(R"({{"type":"array","items":{}}})", item);
}

std::string resource_schema(const core::catalog& entities) {
  std::string made = R"({"type":"string","enum":[)";
  const char* separator = "";
  for (const auto& entity : entities.all()) {
    made += separator;
    json::append_string(made, entity->name);
    separator = ",";
  }
  return made + "]}";
}

// A GET whose parameters are these; HTTP binding of an operation.
void append_get_binding(object_text& operation, std::string_view query_schema) {
  object_text bindings(operation.member("bindings"));
  object_text http(bindings.member("http"));
  http.string("method", "GET");
  http.json("query", query_schema);
  http.string("bindingVersion", "0.3.0");
}

void append_events_channel(object_text& channels, const core::catalog& entities) {
  object_text channel(channels.member("events"));
  channel.string("address", "/api/events");
  channel.string("title", "Every event");
  channel.string("description",
                 "GET with `Accept: text/event-stream`. Envelopes are unnamed events whose id is "
                 "their cursor; `Last-Event-ID` resumes and beats `after`.");
  channel.json("servers", "[" + reference("servers/http") + "]");
  object_text messages(channel.member("messages"));
  for (const auto& entity : entities.all())
    messages.json(entity->name, message_reference("event." + entity->name));
  messages.json("hello", message_reference("stream.hello"));
  messages.members(asyncapi::stream_control_messages);
}

void append_live_channel(object_text& channels, const core::entity& entity) {
  object_text channel(channels.member("live." + entity.name));
  channel.string("address", "/api/" + entity.name);
  channel.string("title", entity.title + ", live");
  channel.string("description",
                 "The list's URL with `Accept: text/event-stream`: its rows at one position, then "
                 "rows as they enter, change in and leave the result. `Last-Event-ID` resumes.");
  channel.json("servers", "[" + reference("servers/http") + "]");
  object_text messages(channel.member("messages"));
  messages.json("snapshot", message_reference("snapshot." + entity.name));
  messages.json("upsert", message_reference("upsert." + entity.name));
  messages.json("remove", message_reference("stream.remove"));
  messages.members(asyncapi::stream_control_messages);
}

void append_socket_channel(object_text& channels, const core::catalog& entities) {
  object_text channel(channels.member("socket"));
  channel.members(asyncapi::socket_channel_head);
  object_text messages(channel.member("messages"));
  messages.members(asyncapi::socket_client_messages);
  for (const auto frame : asyncapi::socket_server_frames)
    messages.json(frame, message_reference(fmt::format("socket.{}", frame)));
  for (const auto& entity : entities.all())
    messages.json("event." + entity->name, message_reference("event." + entity->name));
}

void append_events_operation(object_text& operations) {
  object_text operation(operations.member("events"));
  operation.string("action", "send");
  operation.string("title", "Follow every event");
  operation.json("channel", reference("channels/events"));
  std::string query;
  {
    object_text schema(query);
    schema.string("type", "object");
    schema.json("additionalProperties", "false");
    object_text parameters(schema.member("properties"));
    parameters.json("after", schema_reference("after"));
    parameters.json("resource", list_of_values(schema_reference("resource")));
    parameters.json("branch", list_of_values(schema_reference("branch")));
    parameters.json("id", list_of_values(schema_reference("id")));
    parameters.json("action", list_of_values(schema_reference("action")));
  }
  append_get_binding(operation, query);
}

// What a comparison may name: an ordered column, by its own name or a filter's.
std::string comparison_pattern(const core::entity& entity) {
  std::set<std::string_view> names{"id", "version", "position", "created_at", "updated_at"};
  for (const auto& field : entity.fields)
    if (projections::is_ordered(field.type)) names.insert(field.name);
  for (const auto& [name, column_name] : entity.filters) {
    const auto column = entity.column(column_name);
    if (column && projections::is_ordered(column->type)) names.insert(name);
  }
  return fmt::format(R"(^({})\[(gte|gt|lte|lt|ne)\]$)", fmt::join(names, "|"));
}

void append_live_operation(object_text& operations, const core::entity& entity) {
  object_text operation(operations.member("live." + entity.name));
  operation.string("action", "send");
  operation.string("title", "Follow a list of " + entity.title);
  operation.json("channel", reference("channels/live." + entity.name));
  std::string query;
  {
    object_text schema(query);
    schema.string("type", "object");
    schema.json("additionalProperties", "false");
    {
      object_text parameters(schema.member("properties"));
      parameters.json("after", schema_reference("after"));
      if (!entity.search_fields.empty())
        parameters.json("search", R"({"type":"string","description":"Without regard to case and accents."})");
      for (const auto& [name, column_name] : entity.filters) {
        const auto column = entity.column(column_name);
        if (!column) core::invariant_broken("a filter names no column");
        std::string item;
        append_column_schema(item, entity, *column);
        parameters.json(name, list_of_values(item));
      }
    }
    object_text comparisons(schema.member("patternProperties"));
    comparisons.json(comparison_pattern(entity), R"({"type":"string"})");
  }
  append_get_binding(operation, query);
}

void append_socket_operations(object_text& operations, const core::catalog& entities) {
  operations.members(asyncapi::socket_requests);
  object_text operation(operations.member("socket"));
  operation.string("action", "send");
  operation.string("title", "Events and control frames of the socket's subscriptions");
  operation.json("channel", reference("channels/socket"));
  auto& out = operation.member("messages");
  const char* separator = "[";
  const auto add = [&](std::string_view name) {
    out += separator;
    out += reference(fmt::format("channels/socket/messages/{}", name));
    separator = ",";
  };
  for (const auto frame : asyncapi::socket_server_frames)
    add(frame);
  for (const auto& entity : entities.all())
    add("event." + entity->name);
  out += ']';
}

void append_entity_messages(object_text& messages, const core::entity& entity) {
  {
    object_text event(messages.member("event." + entity.name));
    event.string("name", "event");
    event.string("title", "A change in " + entity.title);
    event.string("contentType", "application/json");
    event.json("payload", schema_reference("event." + entity.name));
  }
  for (const std::string_view frame : {"snapshot", "upsert"}) {
    object_text message(messages.member(fmt::format("{}.{}", frame, entity.name)));
    message.string("name", frame);
    message.string("title", frame == "snapshot" ? "A row of the result at its start"
                                                : "A row that has entered the result or changed in it");
    message.string("contentType", "application/json");
    message.json("headers", schema_reference(fmt::format("stream.{}.fields", frame)));
    message.json("payload", schema_reference("record." + entity.name));
  }
}

void append_entity_schemas(object_text& schemas, const core::entity& entity) {
  append_record_schema(schemas.member("record." + entity.name), entity);
  const auto record = schema_reference("record." + entity.name);
  schemas.json("event." + entity.name,
               fmt::format(R"({{"title":{},"allOf":[{},{{"properties":{{"resource":{{"const":{}}},)"
                           R"("data":{{"anyOf":[{},{{"type":"null"}}]}}}}}}]}})",
                           json::quoted("A change in " + entity.title), schema_reference("envelope"),
                           json::quoted(entity.name), record));
}

// The lines of a server-sent event beside its data.
void append_frame_fields(object_text& schemas) {
  for (const auto& [name, id] : named_frames) {
    object_text schema(schemas.member(fmt::format("stream.{}.fields", name)));
    schema.string("type", "object");
    schema.json("required", id == id_line::always ? R"(["event","id"])" : R"(["event"])");
    object_text lines(schema.member("properties"));
    lines.json("event", fmt::format(R"({{"const":"{}"}})", name));
    if (id != id_line::never) lines.json("id", schema_reference("cursor"));
  }
}

void append_components(object_text& document, const core::catalog& entities) {
  object_text components(document.member("components"));
  {
    object_text messages(components.member("messages"));
    messages.members(asyncapi::messages);
    for (const auto& entity : entities.all())
      append_entity_messages(messages, *entity);
  }
  object_text schemas(components.member("schemas"));
  schemas.members(wire_schemas);
  schemas.members(asyncapi::schemas);
  schemas.json("resource", resource_schema(entities));
  append_frame_fields(schemas);
  for (const auto& entity : entities.all())
    append_entity_schemas(schemas, *entity);
}

} // namespace

std::string asyncapi_text(const core::catalog& entities, std::string_view server_version) {
  std::string made;
  {
    object_text document(made);
    document.string("asyncapi", "3.0.0");
    {
      object_text info(document.member("info"));
      info.string("title", title);
      info.string("version", server_version);
      info.string("description", description);
    }
    document.string("defaultContentType", "application/json");
    {
      object_text servers(document.member("servers"));
      servers.members(asyncapi::servers);
    }
    {
      object_text channels(document.member("channels"));
      append_events_channel(channels, entities);
      for (const auto& entity : entities.all())
        append_live_channel(channels, *entity);
      append_socket_channel(channels, entities);
    }
    {
      object_text operations(document.member("operations"));
      append_events_operation(operations);
      for (const auto& entity : entities.all())
        append_live_operation(operations, *entity);
      append_socket_operations(operations, entities);
    }
    append_components(document, entities);
  }
  return made;
}

} // namespace synclog::http
