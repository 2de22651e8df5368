// The JSON door: what it lets in, what it refuses and where, and that nothing makes it fall over.
#include "core/json.hpp"
#include "core/json_schema.hpp"
#include "core/utf8.hpp"
#include "page_end.hpp"
#include <algorithm>
#include <chrono>
#include <doctest/doctest.h>
#include <memory>
#include <random>

using namespace synclog::core;
using synclog::tests::arrays_at_page_end;

namespace {

std::string canonical(std::string_view text) {
  const auto parsed = json::parse(text);
  REQUIRE(parsed.has_value());
  std::string out;
  json::append_value(out, parsed->root());
  return out;
}

std::string repeated(std::string_view piece, std::size_t count) {
  std::string out;
  for (std::size_t at = 0; at < count; ++at)
    out += piece;
  return out;
}

std::string nested_arrays(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

bool has_defect(const json::document& parsed, std::string_view pointer) {
  return std::any_of(parsed.defects().begin(), parsed.defects().end(),
                     [&](const json::defect& each) { return each.pointer == pointer; });
}

// A random value of at most `depth` levels, canonical.
std::string random_json(std::mt19937& random, int depth) {
  static const std::vector<std::string> leaves{"null",
                                               "true",
                                               "false",
                                               "0",
                                               "-1.50",
                                               "1e3",
                                               "12345678901234567890123",
                                               "\"\"",
                                               "\"plain\"",
                                               "\"q\\\"b\\\\n\\n\"",
                                               "\"\\u0001\\u001f\"",
                                               "\"nh\xC3\xA0 \xF0\x9F\x98\x80\"",
                                               "\"\xE2\x80\xA8\"",
                                               "\"a/b~c\""};
  const auto pick = [&](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
  };
  if (depth == 0 || pick(3) == 0) return leaves[pick(leaves.size())];
  std::string out;
  const std::size_t count = pick(5);
  const bool object = pick(2) == 0;
  for (std::size_t at = 0; at < count; ++at) {
    if (at > 0) out += ',';
    if (object) out += json::quoted("k/" + std::to_string(at) + (pick(4) == 0 ? "\"\n" : "")) + ":";
    out += random_json(random, depth - 1);
  }
  return object ? "{" + out + "}" : "[" + out + "]";
}

} // namespace

TEST_CASE("json: values of every kind, with white space around them") {
  const auto parsed =
      json::parse(" {\"a\" : [1, -2.50, true, false, null, \"x\"], \"b\":{} , \"c\":[] } \r\n\t");
  REQUIRE(parsed.has_value());
  const json::value& root = parsed->root();
  REQUIRE(root.kind == json::kind::object);
  REQUIRE(root.count == 3);
  CHECK(root.members()[0].name == "a");
  const json::value* list = root.find("a");
  REQUIRE(list != nullptr);
  REQUIRE(list->items().size() == 6);
  CHECK(list->items()[1].text == "-2.50");
  CHECK(list->items()[2].boolean);
  CHECK(list->items()[4].kind == json::kind::null);
  CHECK(root.find("missing") == nullptr);
  CHECK(root.find("b")->members().empty());
  CHECK(root.find("c")->items().empty());
  CHECK(list->find("a") == nullptr);
  CHECK(json::parse("\xEF\xBB\xBF 3")->root().text == "3");
}

TEST_CASE("json: numbers keep their text") {
  for (const char* number : {"0", "-0", "9007199254740993", "123456789012345678901234567890", "0.1000",
                             "1E+2", "1e-300", "3.14159265358979323846264338327950288"})
    CHECK(canonical(number) == number);
}

TEST_CASE("json: escapes are undone and written minimally") {
  CHECK(canonical(R"("\u0041\/\u00e9\ud83d\ude00\u001F\b\f\n\r\t\"\\\u007f")") ==
        "\"A/\xC3\xA9\xF0\x9F\x98\x80\\u001f\\b\\f\\n\\r\\t\\\"\\\\\x7F\"");
  CHECK(json::quoted("a\x01"
                     "b") == "\"a\\u0001b\"");
}

TEST_CASE("json: every byte that must be escaped is, wherever it stands, and no other") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    std::string written(1, c);
    if (const auto letter = std::string_view("\b\f\n\r\t\"\\").find(c); letter != std::string_view::npos)
      written = std::string("\\") + "bfnrt\"\\"[letter];
    else if (byte < 0x20)
      written = std::string("\\u00") + "01"[byte / 16] + "0123456789abcdef"[byte % 16];
    // Neighbours that arithmetic on several bytes at once could take for something else.
    for (const char around : {'v', '!', '#', '[', ']', ' ', '\x7f', '\x80', '\xff'})
      for (std::size_t at = 0; at < 20; ++at) {
        const std::string before(at, around), after(19 - at, around);
        CHECK(json::quoted(before + c + after) == '"' + before + written + after + '"');
      }
  }
}

TEST_CASE("json: unquote undoes quoted for every text") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (std::size_t at = 0, length = random() % 40; at < length; ++at) {
      std::uint32_t code_point = random() % 4 == 0 ? random() % 0x80 : random() % 0x110000;
      if (code_point >= 0xD800 && code_point < 0xE000) code_point = '"';
      if (code_point == 0) code_point = '\\';
      append_code_point(text, code_point);
    }
    CHECK(json::unquote(json::quoted(text)) == text);
    const auto parsed = json::parse(json::quoted(text));
    REQUIRE(parsed.has_value());
    CHECK(parsed->defects().empty());
    CHECK(parsed->root().text == text);
  }
  CHECK(json::unquote(R"("\ud83d\ude00\/")") == "\xF0\x9F\x98\x80/");
  // Cut off in an escape: no text of ours, but it must not read past the end.
  for (const char* broken : {"\"\\u\"", "\"\\u00\"", "\"\\ud83d\"", "\"\\ud83d\\u\""})
    CHECK_NOTHROW(json::unquote(broken));
}

TEST_CASE("json: malformed text is named with line and column") {
  struct example {
    std::string text;
    std::uint64_t line, column;
  };
  const example examples[] = {
      {"", 1, 1},
      {"   ", 1, 4},
      {"{", 1, 2},
      {"{\"a\":1,}", 1, 8},
      {"[1 2]", 1, 4},
      {"{\n  \"a\": tru\n}", 2, 11},
      {"{\n\n  a: 1}", 3, 3},
      {"[1] x", 1, 5},
      {"\"a\nb\"", 1, 3},
      {"\"\\x\"", 1, 2},
      {"\"\\u12g4\"", 1, 2},
      {"01", 1, 2},
      {"1.", 1, 3},
      {"1e", 1, 3},
      {"-", 1, 2},
      {"+1", 1, 1},
      {"NaN", 1, 1},
      {"'a'", 1, 1},
      {"\"abc", 1, 5},
      {"\"\xFF\"", 1, 2},
      {"\"\xC0\x80\"", 1, 2},
      {"\"\xED\xA0\x80\"", 1, 2},
      {"\"\xF5\x80\x80\x80\"", 1, 2},
      {std::string("[1]\0", 4), 1, 4},
      {std::string("\"a\0b\"", 5), 1, 3},
      {"\xFF\xFE[\0", 1, 1},
      {"/* no */ 1", 1, 1},
  };
  for (const example& each : examples) {
    CAPTURE(each.text);
    const auto parsed = json::parse(each.text);
    REQUIRE(parsed.has_error());
    CHECK(parsed.error().code == problem_code::malformed);
    REQUIRE(parsed.error().place.has_value());
    CHECK(parsed.error().place->line == each.line);
    CHECK(parsed.error().place->column >= each.column);
    CHECK(parsed.error().place->column <= each.column + 1);
  }
}

TEST_CASE("json: duplicate names are refused in small and large objects, at any depth") {
  const auto small = json::parse(R"([{"a":1,"b":{"c/d":1,"c/d":2}}])");
  REQUIRE(small.has_value());
  REQUIRE(small->defects().size() == 1);
  CHECK(small->defects()[0].pointer == "/0/b/c~1d");
  CHECK(json::parse(R"({"a":1,"\u0061":2})")->defects().size() == 1);

  std::string large = "{";
  for (int at = 0; at < 100; ++at)
    large += "\"k" + std::to_string(at) + "\":1,";
  CHECK(json::parse(large + "\"k100\":1}")->defects().empty());
  const auto twice = json::parse(large + "\"k57\":1,\"k3\":1}");
  CHECK(twice->defects().size() == 2);
  CHECK(has_defect(*twice, "/k57"));
  CHECK(has_defect(*twice, "/k3"));
}

TEST_CASE("json: the duplicate check does not grow with the square of the members") {
  std::string huge = "{";
  for (int at = 0; at < 200'000; ++at)
    huge += "\"member" + std::to_string(at) + "\":0,";
  huge += "\"last\":0}";
  const auto start = std::chrono::steady_clock::now();
  CHECK(json::parse(huge)->defects().empty());
  // The square would be tens of seconds even in a release build.
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
}

TEST_CASE("json: NUL is refused in values and names") {
  const auto parsed = json::parse(R"({"a":"x\u0000y","b":["\u0000"],"c\u0000d":{"e":"\u0000"}})");
  REQUIRE(parsed.has_value());
  CHECK(parsed->defects().size() == 4);
  CHECK(has_defect(*parsed, "/a"));
  CHECK(has_defect(*parsed, "/b/0"));
  CHECK(has_defect(*parsed, "")); // the name is told at the object that has it
  CHECK(has_defect(*parsed, "/?/e"));
  CHECK(json::parse(R"("a\\u0000b")")->defects().empty()); // an escaped backslash, not an escape
}

TEST_CASE("json: lone surrogates are refused at their place, neighbours are not") {
  for (const char* lone :
       {R"(\ud800)", R"(\udc00)", R"(x\ud800y)", R"(\ud800\ud800)", R"(\udc00\ud800)", R"(\ud83d\n)"}) {
    CAPTURE(lone);
    const auto parsed =
        json::parse(std::string(R"([{"a":"fine \ud83d\ude00"},{"a":")") + lone + R"("},{"b":"\u0041"}])");
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->defects().size() == 1);
    CHECK(parsed->defects()[0].pointer == "/1/a");
    CHECK(parsed->root().items()[2].find("b")->text == "A");
    CHECK(parsed->root().items()[0].find("a")->text == "fine \xF0\x9F\x98\x80");
  }
  const auto in_name = json::parse(R"({"x":{"\udfff":1}})");
  REQUIRE(in_name.has_value());
  CHECK(has_defect(*in_name, "/x"));
  for (const json::defect& each : in_name->defects())
    CHECK(is_valid_utf8(each.pointer));
}

TEST_CASE("json: absurd numbers are refused at their place, neighbours are not") {
  const std::string digits_500 = std::string(500, '9');
  for (const std::string& number :
       {std::string("1e309"), std::string("1e99999999999999999999"), std::string("-1E+400"),
        std::string("1e-401"), std::string("1e-99999999999999999999"), digits_500, "-" + digits_500,
        "0." + digits_500, std::string(400, '1'), "0." + std::string(100, '0') + "1e-2147483647"}) {
    CAPTURE(number);
    const auto parsed = json::parse("[[1],{\"n\":" + number + "},\"1e999\",1e300]");
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->defects().size() == 1);
    CHECK(parsed->defects()[0].pointer == "/1/n");
    CHECK(parsed->root().items()[3].text == "1e300");
  }
  CHECK(json::parse("1e309")->defects().front().pointer.empty());
  CHECK(json::parse("[" + std::string(300, '1') + "]")->defects().empty());
}

TEST_CASE("json: an absurd number does not make JSON of what is none") {
  for (const std::string text : {"[{\"a\":1},1e999.5]", "[1e9991e5]", "[--1e999]", "[1e999-5]", "[01e999]",
                                 "[1e999x]", "[1e999 5]", "[1e999,-e-999]", "[1e999,-.5e999]"}) {
    CAPTURE(text);
    CHECK_FALSE(json::parse(text).has_value());
  }
}

TEST_CASE("json: depth 64 is fine, 65 is a defect, and far more ends the parse") {
  CHECK(json::parse(nested_arrays(64))->defects().empty());
  const auto deeper = json::parse("[1," + nested_arrays(64) + ",{\"a\":2}]");
  REQUIRE(deeper.has_value());
  REQUIRE(deeper->defects().size() == 1);
  CHECK(deeper->defects()[0].pointer == "/1" + repeated("/0", 63));
  CHECK(deeper->root().items()[2].find("a")->text == "2");
  const std::string objects = repeated("{\"k\":", 70) + "1" + std::string(70, '}');
  CHECK(json::parse(objects)->defects().size() == 1);
  for (const std::size_t depth : {std::size_t{6'400}, std::size_t{5'000'000}}) {
    const auto hopeless = json::parse(nested_arrays(depth));
    REQUIRE(hopeless.has_error());
    CHECK(hopeless.error().code == problem_code::invalid);
    CHECK(hopeless.error().errors.front().pointer == repeated("/0", 64));
    CHECK(json::parse(std::string(depth, '[')).has_error());
  }
  CHECK(json::parse(nested_arrays(4), {.max_depth = 3})->defects().size() == 1);
}

TEST_CASE("json: a defect beyond counting refuses the whole text") {
  const auto parsed = json::parse("[" + repeated("\"\\u0000\",", 20'000) + "1]");
  REQUIRE(parsed.has_error());
  CHECK(parsed.error().code == problem_code::invalid);
  CHECK(parsed.error().errors.size() <= 20);
  CHECK(json::parse("[" + repeated("\"\\u0000\",", 5'000) + "1]")->defects().size() == 5'000);
}

TEST_CASE("json: several kinds of defects in one text are all found") {
  const auto parsed = json::parse(R"([{"a":"\ud800","a":1e999},"\u0000",1e400,["\udc00","ok"]])");
  REQUIRE(parsed.has_value());
  for (const char* pointer : {"/0/a", "/1", "/2", "/3/0"}) {
    CAPTURE(pointer);
    CHECK(has_defect(*parsed, pointer));
  }
  CHECK(parsed->defects().size() == 6); // "a" is also given twice
  CHECK(json::parse(R"(["\ud800", 1e999, x])").error().code == problem_code::malformed);
}

TEST_CASE("json: a text that ends inside a character is malformed, and the parser stays within it") {
  const arrays_at_page_end guard;
  for (const std::string& before : {std::string("\""), std::string("\"abcdefg"), std::string("{\"\\n\\n")}) {
    for (int lead = 0x80; lead <= 0xFF; ++lead) {
      for (std::size_t more = 0; more < 4; ++more) {
        const auto parsed = json::parse(before + static_cast<char>(lead) + std::string(more, '\x80'));
        CAPTURE(lead);
        REQUIRE(parsed.has_error());
        CHECK(parsed.error().code == problem_code::malformed);
      }
    }
  }
}

TEST_CASE("json: canonical writing is stable and parses to the same value") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    const std::string text = random_json(random, 6);
    CHECK(canonical(text) == text);
  }
}

TEST_CASE("json: mutated texts never crash, and what is let in can be written and read again") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::string pieces[] = {"\\ud800", "\\u0000", "\"", "{",     "}",  "[",
                                "]",       ",",       ":",  "1e999", "\\", "\xED\xA0\x80",
                                "\xFF",    "-",       "0",  "e",     ".",  std::string(1, '\0'),
                                "\\udc00", "null",    "\n"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text = random_json(random, 4);
    for (std::size_t change = 0, changes = 1 + random() % 4; change < changes; ++change) {
      const std::size_t at = random() % (text.size() + 1);
      switch (random() % 4) {
      case 0:
        text.insert(at, pieces[random() % std::size(pieces)]);
        break;
      case 1:
        text.erase(at, random() % 5);
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      default:
        text.insert(at, text.substr(random() % (text.size() + 1), random() % 10));
        break;
      }
    }
    const arrays_at_page_end guard;
    const auto held = std::make_unique_for_overwrite<char[]>(text.size());
    const std::string_view given(held.get(), text.copy(held.get(), text.size()));
    const auto parsed = json::parse(given);
    std::vector<json::slice> slices;
    json::split_object(given, slices);
    if (parsed.has_error()) {
      CHECK((parsed.error().code == problem_code::malformed || parsed.error().code == problem_code::invalid));
      continue;
    }
    for (const json::defect& each : parsed->defects())
      CHECK(is_valid_utf8(each.pointer));
    if (!parsed->defects().empty()) continue;
    std::string once;
    json::append_value(once, parsed->root());
    CHECK(canonical(once) == once);
  }
}

TEST_CASE("json: merge patch follows the examples of RFC 7396") {
  struct example {
    const char *target, *patch, *merged;
  };
  const example examples[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", R"(null)", R"(null)"},
      {R"({"a":"foo"})", R"("bar")", R"("bar")"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const example& each : examples) {
    CAPTURE(each.patch);
    CHECK(json::merge_patch(each.target, each.patch).value() == each.merged);
  }
  CHECK(json::merge_patch("{", "{}").has_error());
  CHECK(json::merge_patch("{}", R"({"a":"\u0000"})").error().errors.front().pointer == "/a");
}

TEST_CASE("json: merge patch of large objects keeps order and finds every member") {
  std::string target = "{";
  std::string patch = "{";
  std::string merged = "{";
  for (int at = 0; at < 2'000; ++at) {
    const std::string name = json::quoted("m" + std::to_string(at));
    target += (at == 0 ? "" : ",") + name + ":" + std::to_string(at);
    if (at % 2 == 1) patch += (at == 1 ? "" : ",") + name + ":" + (at % 4 == 1 ? "null" : "\"new\"");
    if (at % 4 != 1)
      merged += (at == 0 ? "" : ",") + name + ":" + (at % 2 == 0 ? std::to_string(at) : "\"new\"");
  }
  CHECK(json::merge_patch(target + "}", patch + ",\"added\":true}").value() == merged + ",\"added\":true}");
}

TEST_CASE("json: applying a patch twice changes nothing more") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    const std::string target = random_json(random, 4);
    const std::string patch = random_json(random, 4);
    const std::string once = json::merge_patch(target, patch).value();
    CHECK(json::merge_patch(once, patch).value() == once);
  }
}

TEST_CASE("json: the slices of an object are its members' texts") {
  std::vector<json::slice> slices;
  REQUIRE(json::split_object(R"({"a":"x,}\"","b\"c":{"d":["}",{}],"e":1},"f":[1,2],"g":-1.5e3,"h":null})",
                             slices));
  REQUIRE(slices.size() == 5);
  CHECK(slices[0].value == R"("x,}\"")");
  CHECK(slices[1].name == R"(b\"c)");
  CHECK(slices[1].value == R"({"d":["}",{}],"e":1})");
  CHECK(slices[3].value == "-1.5e3");
  CHECK(slices[4].value == "null");
  CHECK(json::split_object("{}", slices));
  CHECK(slices.empty());
  CHECK(json::split_object(" { \"a\" : 1 , \"b\" : [ 2 ] } ", slices));
  CHECK(slices[1].value == "[ 2 ]");
  for (const char* bad : {"", "[]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1}x", "{a:1}",
                          "{\"a\":[}", "{\"a\":\"\\", "3"})
    CHECK_FALSE(json::split_object(bad, slices));
}

TEST_CASE("json: members are read one by one, and a reader may stop before what is broken") {
  json::member_reader members(R"({"a":"\\\",","b":"\\","c":[1)");
  json::slice member;
  REQUIRE(members.next(member));
  CHECK(member.value == R"("\\\",")");
  REQUIRE(members.next(member));
  CHECK(member.name == "b");
  CHECK(member.value == R"("\\")");
  CHECK_FALSE(members.next(member));
  CHECK_FALSE(members.whole());
  CHECK_FALSE(members.next(member));
  json::member_reader empty("{}");
  CHECK_FALSE(empty.next(member));
  CHECK(empty.whole());
  CHECK_FALSE(empty.next(member));
  CHECK(empty.whole());
}

TEST_CASE("json: pointer segments escape tilde and slash") {
  CHECK(json::pointer_segment("a~b/c") == "a~0b~1c");
}

TEST_CASE("json schema: the first violation is named at its place") {
  const char* schema = R"({"properties":{"height":{"type":"number","minimum":1}},"required":["height"]})";
  CHECK_FALSE(json::schema_defect(schema).has_value());
  CHECK_FALSE(json::check_schema(schema, R"({"height":1.5})").has_value());
  const auto low = json::check_schema(schema, R"({"height":0})");
  REQUIRE(low.has_value());
  CHECK(low->pointer == "/height");
  CHECK(low->detail.find("minimum") != std::string::npos);
  CHECK(json::check_schema(schema, R"({"weight":1})")->pointer.empty());
  CHECK(json::schema_defect("[]").has_value());
}
