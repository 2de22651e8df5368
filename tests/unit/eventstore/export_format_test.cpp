// The lines of an export: what goes in comes out, byte for byte, and what is not of the format is refused
// with what is wrong.
#include "eventstore/export_format.hpp"
#include <doctest/doctest.h>
#include <random>
#include <vector>

using namespace synclog;
using namespace synclog::eventstore;

namespace {

template <class Bytes>
Bytes some_bytes(std::mt19937_64& random) {
  Bytes bytes;
  for (auto& byte : bytes)
    byte = static_cast<unsigned char>(random());
  return bytes;
}

exported_event some_event(std::mt19937_64& random) {
  exported_event made;
  auto& event = made.event;
  event.position = {static_cast<std::int64_t>(random() >> 1)};
  event.recorded_at = {1'795'406'706'123'456};
  event.entity = "stock-requests";
  event.record_id = "REQ-ä\"\\ 1";
  event.version = 3;
  event.action = core::event_action::updated;
  event.branch = random() % 2 ? "north" : "";
  if (random() % 2) event.previous_branch = random() % 2 ? "" : "sou\tth";
  event.meta = "{ \"actor\" :\"a\\u00e9\\/\" }";
  event.salt = some_bytes<decltype(event.salt)>(random);
  event.hash = some_bytes<core::sha256_digest>(random);
  if (random() % 4 == 0) {
    made.data_hash = some_bytes<core::sha256_digest>(random);
    event.salt = {};
  } else {
    // Spaces, line breaks, escapes of every kind, numbers in every spelling: none of them may be made
    // canonical.
    event.data =
        "{ \"id\"\t:\n\"x\",\r\n\"n\":[1.50, 1e5,-0, 12345678901234567890.10],\"t\":\"\\u00e9 \xC3\xA9 "
        "\\ud83d\\ude00 \\/ \\n \x7f \xE2\x80\xA8\" } ";
  }
  return made;
}

std::string line_of(const exported_event& event) {
  std::string line;
  append_line(line, event);
  return line;
}

std::string refusal(std::string_view line) {
  const auto parsed = parse_export_line(line);
  return parsed ? "" : parsed.error().detail;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string plain_line() {
  exported_event made;
  made.event.position = {7};
  made.event.entity = "clients";
  made.event.record_id = "C";
  made.event.version = 1;
  made.event.branch = "north";
  made.event.meta = "{}";
  made.event.data = "{}";
  return line_of(made);
}

} // namespace

TEST_CASE("export format: an event comes back as it was, every byte of data and meta included") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200; ++i) {
    const auto made = some_event(random);
    const auto line = line_of(made);
    CHECK(line.find('\n') == line.size() - 1); // one line, whatever the data holds
    const auto parsed = parse_export_line(line);
    REQUIRE(parsed.has_value());
    const auto& back = std::get<exported_event>(*parsed);
    CHECK(back.event.position == made.event.position);
    CHECK(back.event.recorded_at == made.event.recorded_at);
    CHECK(back.event.entity == made.event.entity);
    CHECK(back.event.record_id == made.event.record_id);
    CHECK(back.event.version == made.event.version);
    CHECK(back.event.action == made.event.action);
    CHECK(back.event.branch == made.event.branch);
    CHECK(back.event.previous_branch == made.event.previous_branch);
    CHECK(back.event.meta == made.event.meta);
    CHECK(back.event.data == made.event.data);
    CHECK(back.event.salt == made.event.salt);
    CHECK(back.event.hash == made.event.hash);
    CHECK(back.data_hash == made.data_hash);
  }
}

TEST_CASE("export format: header and trailer come back as they were") {
  std::mt19937_64 random(3);
  export_header header;
  header.log_id = some_bytes<core::uuid>(random);
  header.after = {4};
  header.after_hash = some_bytes<core::sha256_digest>(random);
  header.head = {9};
  header.head_hash = some_bytes<core::sha256_digest>(random);
  header.definitions.push_back({"pets", 2, "{ \"title\": \"Pets\" }\n"});
  std::string line;
  append_line(line, header);
  const auto parsed = parse_export_line(line);
  REQUIRE(parsed.has_value());
  const auto& back = std::get<export_header>(*parsed);
  CHECK(back.log_id == header.log_id);
  CHECK(back.after == header.after);
  CHECK(back.after_hash == header.after_hash);
  CHECK(back.head == header.head);
  CHECK(back.head_hash == header.head_hash);
  REQUIRE(back.definitions.size() == 1);
  CHECK(back.definitions[0].name == "pets");
  CHECK(back.definitions[0].revision == 2);
  CHECK(back.definitions[0].definition == header.definitions[0].definition);

  const export_trailer trailer{5, {9}, header.head_hash};
  line.clear();
  append_line(line, trailer);
  const auto end = parse_export_line(line);
  REQUIRE(end.has_value());
  CHECK(std::get<export_trailer>(*end).events == 5);
  CHECK(std::get<export_trailer>(*end).head.value == 9);
  CHECK(std::get<export_trailer>(*end).head_hash == trailer.head_hash);
}

TEST_CASE("export format: every member is needed, and no other is taken") {
  const auto line = plain_line();
  REQUIRE(refusal(line).empty());
  for (const std::string name : {"position", "recorded_at", "entity", "record_id", "version", "action",
                                 "branch", "previous_branch", "meta", "salt", "data", "hash"}) {
    INFO(name);
    const auto without = replaced(line, "\"" + name + "\":", "\"x_" + name + "\":");
    CHECK(refusal(without) == "lacks \"" + name + "\"");
  }
  CHECK(refusal(replaced(line, "\"meta\"", "\"more\":1,\"meta\"")) ==
        "has members that this format does not know");
  CHECK(refusal(replaced(line, "\"salt\"", "\"data_hash\":\"" + std::string(64, '0') + "\",\"salt\"")) ==
        "has members that this format does not know");
}

TEST_CASE("export format: what is no value of a member is refused by name") {
  const auto line = plain_line();
  CHECK(refusal(replaced(line, ":7,", ":0,")) == "\"position\" is 0, which is no such number");
  CHECK(refusal(replaced(line, ":7,", ":7.0,")) == "\"position\" is 7.0, which is no such number");
  CHECK(refusal(replaced(line, "\"version\":1", "\"version\":-1")) ==
        "\"version\" is -1, which is no such number");
  CHECK(refusal(replaced(line, "created", "invented")) ==
        "\"action\" is none of created, updated, deleted, reverted");
  CHECK(refusal(replaced(line, "\"branch\":\"north\"", "\"branch\":\"\"")) ==
        "\"branch\" is empty; none is null");
  CHECK(refusal(replaced(line, "\"salt\":\"00", "\"salt\":\"0g")) == "\"salt\" is not 32 hex digits");
  CHECK(refusal(replaced(line, "\"clients\"", "\"cl\\u0000ients\"")) ==
        "/entity contains \\u0000, which cannot be stored");
  CHECK(refusal(replaced(line, "\"data\":\"{}\"", "\"data\":{}")) ==
        "\"data\" is of another kind than it must be");
  CHECK(refusal("[]") == "is no JSON object");
  CHECK(refusal("").starts_with("is not valid JSON"));
  CHECK(refusal(line.substr(0, line.size() / 2)).starts_with("is not valid JSON at byte"));
}
