// The AsyncAPI document: valid JSON whose references all lead somewhere, and everything that the catalog has
// in it. (The official parser checks it too, by hand: it needs npm.)
#include "core/json.hpp"
#include "core/record.hpp"
#include "http/asyncapi.hpp"
#include "http/published_text.hpp"
#include "http/record_schema.hpp"
#include "published_document.hpp"
#include <doctest/doctest.h>
#include <set>
#include <string>
#include <vector>

using namespace synclog;
using namespace synclog::tests;
namespace json = core::json;

namespace {

published_document described(const core::catalog& entities) {
  return published_document(http::asyncapi_text(entities, "1.2.3"));
}

} // namespace

TEST_CASE("asyncapi: every reference leads somewhere, and every message and schema is led to") {
  check_references(described(eight()), {"components/messages/", "components/schemas/"});
  check_references(described(only_ninth()), {"components/messages/", "components/schemas/"});
}

TEST_CASE("asyncapi: version, servers, the channels of every entity, and an operation for each") {
  const auto entities = eight();
  const auto document = described(entities);
  CHECK(document.text("asyncapi") == R"("3.0.0")");
  CHECK(document.text("info/version") == R"("1.2.3")");
  CHECK(document.text("servers/http/protocol") == R"("http")");
  CHECK(document.text("servers/socket/protocol") == R"("ws")");
  std::set<std::string> channels{"events", "socket"};
  std::set<std::string> operations{"events", "socket", "subscribe", "unsubscribe", "ping"};
  for (const auto& entity : entities.all()) {
    channels.insert("live." + entity->name);
    operations.insert("live." + entity->name);
    CHECK(document.text("channels/live." + entity->name + "/address") == "\"/api/" + entity->name + "\"");
    CHECK(document.names("channels/live." + entity->name + "/messages") ==
          std::set<std::string>{"snapshot", "caught_up", "upsert", "remove", "checkpoint", "resync", "bye"});
  }
  CHECK(document.names("channels") == channels);
  CHECK(document.names("operations") == operations);
  CHECK(document.text("channels/events/address") == R"("/api/events")");
  CHECK(document.text("channels/socket/address") == R"("/ws")");
  CHECK(document.names("channels/socket/x-close-codes") ==
        std::set<std::string>{"1012", "1013", "4400", "4401", "4403", "4413"});
  CHECK(document.names("operations/events/bindings/http/query/properties") ==
        std::set<std::string>{"after", "resource", "branch", "id", "action"});
}

TEST_CASE("asyncapi: one event message for each entity, on the stream and on the socket") {
  const auto entities = eight();
  const auto document = described(entities);
  std::set<std::string> expected;
  for (const auto& entity : entities.all())
    expected.insert("event." + entity->name);
  std::set<std::string> found;
  for (const auto& name : document.names("components/messages"))
    if (name.starts_with("event.")) found.insert(name);
  CHECK(found == expected);
  const auto sent = document.text("operations/socket/messages");
  for (const auto& entity : entities.all()) {
    CAPTURE(entity->name);
    const auto message = R"({"$ref":"#/components/messages/event.)" + entity->name + "\"}";
    CHECK(document.text("channels/events/messages/" + entity->name) == message);
    CHECK(document.at("channels/socket/messages") != nullptr);
    CHECK(document.at("channels/socket/messages")->find("event." + entity->name) != nullptr);
    CHECK(sent.find("#/channels/socket/messages/event." + entity->name + "\"") != std::string::npos);
    const auto event = document.text("components/schemas/event." + entity->name);
    CHECK(event.find("#/components/schemas/envelope\"") != std::string::npos);
    CHECK(event.find(R"("const":")" + entity->name + "\"") != std::string::npos);
    CHECK(event.find("#/components/schemas/record." + entity->name + "\"") != std::string::npos);
  }
}

TEST_CASE("asyncapi: a record's schema has the members of a record, in its order") {
  const auto entities = eight();
  const auto document = described(entities);
  for (const auto& entity : entities.all()) {
    CAPTURE(entity->name);
    core::field_texts empty(entity->fields.size());
    for (std::size_t index = 0; index < entity->fields.size(); ++index)
      empty.set(index, "null");
    const auto record = json::parse(core::encode_record(*entity, core::record_head(), empty));
    REQUIRE(record.has_value());
    std::vector<std::string> expected, found;
    for (const auto& member : record->root().members())
      expected.emplace_back(member.name);
    const auto* properties = document.at("components/schemas/record." + entity->name + "/properties");
    REQUIRE(properties != nullptr);
    for (const auto& member : properties->members())
      found.emplace_back(member.name);
    CHECK(found == expected);
  }
}

TEST_CASE("asyncapi: a ninth definition appears, with types, formats, bounds and what is required") {
  const auto entities = only_ninth();
  const auto document = described(entities);
  const std::string record = "components/schemas/record.orders/";
  CHECK(document.text(record + "title") == R"("Orders \"special\"")");
  CHECK(document.text(record + "description") == R"("What is ordered.")");
  CHECK(document.text(record + "required") ==
        R"(["id","version","position","created_at","updated_at","name","lines"])");
  const auto property = [&](const std::string& name) { return document.text(record + "properties/" + name); };
  CHECK(property("name") == R"({"title":"Name","description":"As printed.","type":"string","maxLength":40})");
  CHECK(property("state") ==
        R"({"title":"State","type":["string","null"],"maxLength":255,"enum":["open","shut",null]})");
  CHECK(property("amount") == R"({"title":"amount","type":["number","null"],"x-max-decimals":2})");
  CHECK(property("pieces") == R"({"title":"pieces","type":["integer","null"]})");
  CHECK(property("urgent") == R"({"title":"urgent","type":["boolean","null"]})");
  CHECK(property("day") == R"({"title":"day","type":["string","null"],"format":"date"})");
  CHECK(property("hour").find(R"("pattern":"^([01])") != std::string::npos);
  CHECK(property("seen_at") == R"({"title":"seen_at","type":["string","null"],"format":"date-time"})");
  // The inside of a field speaks draft 4 in a definition and draft 7 here.
  CHECK(
      property("lines") ==
      R"({"title":"lines","type":"array","minItems":1,"items":{"type":"object","required":["sku"],)"
      R"("properties":{"sku":{"type":"string"},"count":{"type":"number","exclusiveMinimum":0,"maximum":9}}}})");
  CHECK(property("rest") ==
        R"({"title":"rest","anyOf":[{"type":"object","maxProperties":5},{"type":"null"}]})");

  const std::string query = "operations/live.orders/bindings/http/query/";
  CHECK(document.names(query + "properties") == std::set<std::string>{"after", "state", "day", "since"});
  CHECK(document.text(query + "properties/state") ==
        R"({"type":"array","items":{"type":"string","maxLength":255,"enum":["open","shut"]}})");
  CHECK(document.text(query + "properties/since") ==
        R"({"type":"array","items":{"type":"string","format":"date-time"}})");
  CHECK(
      document.text(query + "patternProperties") ==
      R"({"^(amount|branch|created_at|day|hour|id|name|pieces|position|seen_at|since|state|updated_at|urgent|)"
      R"(version)\\[(gte|gt|lte|lt|ne)\\]$":{"type":"string"}})");
  CHECK(document.text("components/schemas/resource/enum") == R"(["orders"])");
}

TEST_CASE("published text: the tag follows the bytes") {
  const auto one = http::published_text::of("one");
  CHECK(one.body == "one");
  CHECK(one.etag.size() == 18);
  CHECK(one.etag.front() == '"');
  CHECK(one.etag == http::published_text::of("one").etag);
  CHECK(one.etag != http::published_text::of("two").etag);
}
