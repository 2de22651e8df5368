// The lines of `synclog replay tail`.
#include "core/event.hpp"
#include "core/json.hpp"
#include "tools/event_line.hpp"
#include "tools/recent_records.hpp"
#include <cstdlib>
#include <ctime>
#include <doctest/doctest.h>
#include <string>

using namespace synclog;
using namespace synclog::tools;

namespace {

std::string envelope_of(const core::event& event) {
  const auto encoded = core::encode_event(event);
  return encoded.head + "4" + encoded.tail;
}

core::event sample() {
  core::event made;
  made.position = {7};
  made.entity = "clients";
  made.record_id = "CLT-1";
  made.version = 3;
  made.action = core::event_action::updated;
  made.branch = "north";
  made.data = R"({"id":"CLT-1","phone":"081"})";
  made.meta = R"({"actor":"front-desk"})";
  made.recorded_at = {1'700'000'000'123'456};
  return made;
}

std::string line_of(const core::event& event, std::string_view changed = "", line_layout layout = {}) {
  const auto envelope = envelope_of(event);
  return event_line(event_tokens::of(envelope), changed, layout);
}

// The local time zone, for the life of the object.
struct time_zone {
  explicit time_zone(const char* name) {
    setenv("TZ", name, 1);
    tzset();
  }
  ~time_zone() {
    unsetenv("TZ");
    tzset();
  }
};

} // namespace

TEST_CASE("event line: local time, position, action, resource, id, version, branch, actor and fields") {
  const time_zone bangkok("ICT-7");
  CHECK(line_of(sample(), "phone", {.ink = paint::plain, .resource_width = 10}) ==
        "2023-11-15 05:13:20.123        7  updated   clients     CLT-1  v3  north  front-desk  phone\n");
  CHECK(line_of(sample()) ==
        "2023-11-15 05:13:20.123        7  updated   clients  CLT-1  v3  north  front-desk\n");
}

TEST_CASE("event line: a record that moved shows both branches, none is a dash") {
  auto moved = sample();
  moved.previous_branch = "east";
  CHECK(line_of(moved).find("  east → north  ") != std::string::npos);
  moved.previous_branch = "";
  CHECK(line_of(moved).find("  - → north  ") != std::string::npos);
  moved.branch = "";
  moved.previous_branch = "east";
  CHECK(line_of(moved).find("  east → -  ") != std::string::npos);
  moved.previous_branch.reset();
  moved.meta = "{}";
  CHECK(line_of(moved).ends_with("  -  -\n"));
}

TEST_CASE("event line: colours only when asked for, and the text is the same") {
  const auto coloured = line_of(sample(), "phone", {.ink = paint::coloured, .resource_width = 0});
  const auto plain = line_of(sample(), "phone");
  CHECK(plain.find('\033') == std::string::npos);
  CHECK(coloured.find("\033[36mupdated") != std::string::npos);
  std::string without;
  for (std::size_t at = 0; at < coloured.size(); ++at) {
    if (coloured[at] == '\033') {
      at = coloured.find('m', at);
    } else {
      without += coloured[at];
    }
  }
  CHECK(without == plain);
}

TEST_CASE("event line: no text of an event reaches the terminal as a control") {
  auto hostile = sample();
  const std::string text = "a\033[2Jb\nc\rd\x7F\xC2\x9B"
                           "e\u202Ef\u2028g\u061Ch";
  hostile.entity = hostile.record_id = hostile.branch = text;
  hostile.previous_branch = text;
  hostile.meta = R"({"actor":)" + core::json::quoted(text) + "}";
  const auto changed =
      changed_fields(R"({"id":"1"})", R"({"id":"1",)" + core::json::quoted(text) + R"(:"x"})");
  const auto line = line_of(hostile, changed);
  CHECK(line.find('\n') == line.size() - 1);
  const std::string shown = R"(a\u001b[2Jb\u000ac\u000dd\u007f\u009be\u202ef\u2028g\u061ch)";
  std::size_t found = 0;
  for (auto at = line.find(shown); at != std::string::npos; at = line.find(shown, at + 1))
    ++found;
  CHECK(found == 6);
  for (const char c : line.substr(0, line.size() - 1)) {
    const auto byte = static_cast<unsigned char>(c);
    REQUIRE(byte >= 0x20);
    REQUIRE(byte != 0x7F);
  }
}

TEST_CASE("harmless: text of every script passes, broken bytes are spelt") {
  const std::string fine = "Zoë Ångström สมชาย 李雷 می‌خواهم 👩‍⚕️ \\u001b";
  CHECK(harmless(fine) == fine);
  CHECK(harmless("a\xFFz\xC3") == "a\\xffz\\xc3");
  CHECK(harmless("") == "");
}

TEST_CASE("harmless lines: breaks stay, tabs are blanks, everything else is spelt") {
  CHECK(harmless_lines("a\x1b[2J\n\tb\r\n") == "a\\u001b[2J\n b\\u000d\n");
  CHECK(harmless_lines("") == "");
}

TEST_CASE("harmless: JSON stays the same value") {
  const std::string text = "x\x7F\xC2\x85\u202Ey";
  const auto made = harmless(core::json::quoted(text));
  CHECK(made == R"("x\u007f\u0085\u202ey")");
  CHECK(core::json::unquote(made) == text);
}

TEST_CASE("changed fields: what differs, in the record's order, without bookkeeping") {
  const std::string before =
      R"({"id":"1","version":1,"position":1,"updated_at":"x","a":1,"b":null,"c":{"d":1}})";
  CHECK(changed_fields(
            before, R"({"id":"1","version":2,"position":9,"updated_at":"y","a":1,"b":null,"c":{"d":1}})") ==
        "");
  CHECK(changed_fields(before, R"({"id":"1","version":2,"a":2,"b":"","c":{"d":2}})") == "a, b, c");
  // An older definition: a field that came is no change while it is empty, one that went is a change.
  CHECK(changed_fields(before, R"({"id":"1","a":1,"b":null,"c":{"d":1},"e":null})") == "");
  CHECK(changed_fields(before, R"({"id":"1","a":1})") == "c");
  CHECK(changed_fields("null", before) == "");
  CHECK(changed_fields(before, "null") == "");
}

TEST_CASE("recent records: only that very version, and the oldest go when it is full") {
  recent_records held(2'000);
  held.put("clients", "1", 1, "one");
  REQUIRE(held.find("clients", "1", 1) != nullptr);
  CHECK(*held.find("clients", "1", 1) == "one");
  CHECK(held.find("clients", "1", 2) == nullptr);
  CHECK(held.find("visits", "1", 1) == nullptr);
  held.put("clients", "1", 2, "two");
  CHECK(held.find("clients", "1", 1) == nullptr);
  CHECK(*held.find("clients", "1", 2) == "two");
  for (int i = 0; i < 100; ++i)
    held.put("visits", std::to_string(i), 1, std::string(100, 'x'));
  CHECK(held.find("clients", "1", 2) == nullptr);
  CHECK(held.find("visits", "99", 1) != nullptr);
  CHECK(held.find("visits", "90", 1) == nullptr);
  held.put("visits", "large", 1, std::string(5'000, 'x'));
  CHECK(held.find("visits", "large", 1) == nullptr);
  held.put("visits", "small", 1, "x");
  CHECK(held.find("visits", "small", 1) != nullptr);
}
