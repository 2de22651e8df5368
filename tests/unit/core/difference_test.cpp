// Differences of two records: applying them to the first gives the second, whatever the records hold.
// SYNCLOG_TEST_SEED=s repeats a run.
#include "core/difference.hpp"
#include "core/json.hpp"
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace synclog::core;

namespace {

// A JSON value that can be changed.
struct node {
  json::kind kind = json::kind::null;
  std::string text; // of what is no container
  std::vector<std::pair<std::string, node>> members;
  std::vector<node> items;
};

node tree_of(const json::value& source) {
  node made;
  made.kind = source.kind;
  for (const auto& member : source.members())
    made.members.emplace_back(std::string(member.name), tree_of(member.value));
  for (const auto& item : source.items())
    made.items.push_back(tree_of(item));
  if (source.kind != json::kind::object && source.kind != json::kind::array)
    json::append_value(made.text, source);
  return made;
}

node tree_of(const std::string& text) {
  const auto parsed = json::parse(text);
  REQUIRE_MESSAGE(parsed.has_value(), text);
  return tree_of(parsed->root());
}

bool equal(const node& left, const node& right) {
  if (left.kind != right.kind || left.text != right.text || left.members.size() != right.members.size() ||
      left.items.size() != right.items.size())
    return false;
  for (std::size_t index = 0; index < left.items.size(); ++index)
    if (!equal(left.items[index], right.items[index])) return false;
  return std::all_of(left.members.begin(), left.members.end(), [&](const auto& member) {
    const auto other = std::find_if(right.members.begin(), right.members.end(),
                                    [&](const auto& one) { return one.first == member.first; });
    return other != right.members.end() && equal(member.second, other->second);
  });
}

std::string unescaped(std::string_view segment) {
  std::string made;
  for (std::size_t at = 0; at < segment.size(); ++at)
    made.push_back(segment[at] != '~' ? segment[at] : segment[++at] == '1' ? '/' : '~');
  return made;
}

// Sets what is at `path`, or removes it; checks that what the change names as former value is there.
void apply(node& root, const change& one) {
  node* parent = nullptr;
  node* here = &root;
  std::string name;
  std::string_view rest = one.path;
  while (!rest.empty()) {
    REQUIRE(rest.front() == '/');
    rest.remove_prefix(1);
    name = unescaped(rest.substr(0, rest.find('/')));
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
    parent = here;
    if (parent->kind == json::kind::array) {
      here = &parent->items.at(std::stoul(name));
      continue;
    }
    REQUIRE(parent->kind == json::kind::object);
    const auto found = std::find_if(parent->members.begin(), parent->members.end(),
                                    [&](const auto& member) { return member.first == name; });
    if (found == parent->members.end()) {
      REQUIRE(rest.empty());
      REQUIRE(!one.from);
      parent->members.emplace_back(name, tree_of(*one.to));
      return;
    }
    here = &found->second;
  }
  REQUIRE(one.from);
  CHECK(equal(*here, tree_of(*one.from)));
  if (one.to) {
    *here = tree_of(*one.to);
  } else {
    std::erase_if(parent->members, [&](const auto& member) { return member.first == name; });
  }
}

// Without bookkeeping and without what is nothing: as two records are compared.
node bare(const std::string& doc) {
  auto made = doc.empty() ? node{json::kind::object, {}, {}, {}} : tree_of(doc);
  std::erase_if(made.members, [](const auto& member) {
    return member.second.kind == json::kind::null || member.first == "id" || member.first == "version" ||
           member.first == "position" || member.first == "created_at" || member.first == "updated_at";
  });
  return made;
}

using generator = std::mt19937_64;

std::string random_value(generator& random, int depth) {
  static const std::vector<std::string> leaves{
      "null", "true", "0", "-1.5", "12345678901234567890", R"("")", R"("x")", R"("a/b~c\"\n")", R"("é")"};
  if (depth == 0 || random() % 3 == 0) return leaves[random() % leaves.size()];
  static const std::vector<std::string> names{R"("a")", R"("b")", R"("c/d")", R"("~e")", R"("\"")", R"("")"};
  std::string out;
  const auto count = random() % 5;
  const bool object = random() % 2 == 0;
  const auto first = random() % names.size();
  for (std::uint64_t at = 0; at < count; ++at) {
    if (at > 0) out += ',';
    if (object) out += names[(first + at) % names.size()] + ":";
    out += random_value(random, depth - 1);
  }
  return object ? "{" + out + "}" : "[" + out + "]";
}

// Nearly the same value: most of it stays.
std::string changed_value(generator& random, const json::value& source, int depth) {
  if (random() % 6 == 0) return random_value(random, depth);
  std::string out;
  if (source.kind == json::kind::object) {
    for (const auto& member : source.members())
      if (random() % 8 != 0)
        out += (out.empty() ? "" : ",") + json::quoted(member.name) + ":" +
               changed_value(random, member.value, depth - 1);
    return "{" + out + "}";
  }
  if (source.kind == json::kind::array) {
    for (const auto& item : source.items())
      if (random() % 12 != 0) out += (out.empty() ? "" : ",") + changed_value(random, item, depth - 1);
    return "[" + out + "]";
  }
  json::append_value(out, source);
  return out;
}

std::string record_of(generator& random, const std::vector<std::string>& values) {
  std::string doc = R"({"id":"X","version":)" + std::to_string(random() % 9) + R"(,"updated_at":"then")";
  for (std::size_t index = 0; index < values.size(); ++index)
    if (random() % 8 != 0) doc += ",\"field_" + std::to_string(index) + "\":" + values[index];
  return doc + "}";
}

std::vector<change> changes_of(const char* from, const char* to) {
  return differences(from, to);
}

} // namespace

TEST_CASE("difference: nested places are named by pointers, and a side where nothing stands is left out") {
  const auto found = changes_of(
      R"({"id":"A","version":1,"name":"Zoë","phone":null,"gone":"x","data":{"address":{"city":"A","zip":"1"},"a/b":1}})",
      R"({"id":"A","version":2,"name":"Zoë","phone":"1","data":{"address":{"city":"B"},"a/b":1,"n":null},"new":true})");
  const std::vector<change> expected{{"/phone", "null", "\"1\""},
                                     {"/data/address/city", "\"A\"", "\"B\""},
                                     {"/data/address/zip", "\"1\"", std::nullopt},
                                     {"/data/n", std::nullopt, "null"},
                                     {"/new", std::nullopt, "true"},
                                     {"/gone", "\"x\"", std::nullopt}};
  CHECK(found == expected);
  std::string text;
  append_changes(text, std::span(found).first(3));
  CHECK(text ==
        R"([{"path":"/phone","from":null,"to":"1"},{"path":"/data/address/city","from":"A","to":"B"},)"
        R"({"path":"/data/address/zip","from":"1"}])");
}

TEST_CASE("difference: arrays of one length are walked, others stand whole") {
  CHECK(changes_of(R"({"items":[{"q":1},{"q":2}]})", R"({"items":[{"q":1},{"q":3}]})") ==
        std::vector<change>{{"/items/1/q", "2", "3"}});
  CHECK(changes_of(R"({"items":[1,2]})", R"({"items":[2]})") ==
        std::vector<change>{{"/items", "[1,2]", "[2]"}});
}

TEST_CASE("difference: the order of an object's members is shown where nothing else differs") {
  CHECK(changes_of(R"({"data":{"x":{"a":1,"b":2}}})", R"({"data":{"x":{"b":2,"a":1}}})") ==
        std::vector<change>{{"/data/x", R"({"a":1,"b":2})", R"({"b":2,"a":1})"}});
}

TEST_CASE("difference: against no record every value is new, or gone") {
  const char* const doc = R"({"id":"A","version":1,"name":"Zoë","phone":null})";
  CHECK(changes_of("", doc) == std::vector<change>{{"/name", std::nullopt, "\"Zoë\""}});
  CHECK(changes_of(doc, "") == std::vector<change>{{"/name", "\"Zoë\"", std::nullopt}});
  CHECK(changes_of(doc, doc).empty());
}

TEST_CASE("difference: a field stands whole where naming each place would take more than its values") {
  // A long name above many elements: each place would repeat the name.
  const std::string name(3'000, 'n');
  std::string zeros = "0", ones = "1";
  for (int count = 1; count < 1'000; ++count) {
    zeros += ",0";
    ones += ",1";
  }
  const std::string before = "{\"" + name + "\":[" + zeros + "]}",
                    after = "{\"" + name + "\":[" + ones + "]}";
  const auto found = differences("{\"data\":" + before + "}", "{\"data\":" + after + "}");
  CHECK(found == std::vector<change>{{"/data", before, after}});
}

TEST_CASE("difference: applying the changes to a record gives the other one") {
  const char* const given = std::getenv("SYNCLOG_TEST_SEED");
  const auto seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  CAPTURE(seed);
  generator random(seed);
  for (int round = 0; round < 4'000; ++round) {
    constexpr int fields = 4, depth = 4;
    std::vector<std::string> values, later;
    for (int index = 0; index < fields; ++index) {
      values.push_back(random_value(random, depth));
      const auto parsed = json::parse(values.back());
      REQUIRE(parsed.has_value());
      later.push_back(random() % 4 == 0 ? values.back() : changed_value(random, parsed->root(), depth));
    }
    const std::string from = random() % 20 == 0 ? "" : record_of(random, values);
    const std::string to = random() % 20 == 0 ? "" : record_of(random, later);
    CAPTURE(from);
    CAPTURE(to);
    auto result = bare(from);
    for (const auto& one : differences(from, to)) {
      REQUIRE((one.from || one.to));
      // A field that is null stands nowhere in `bare`.
      auto applied = one;
      if (applied.from == "null" && std::count(one.path.begin(), one.path.end(), '/') == 1)
        applied.from.reset();
      if (applied.to == "null" && std::count(one.path.begin(), one.path.end(), '/') == 1) applied.to.reset();
      if (applied.from || applied.to) apply(result, applied);
    }
    CHECK(equal(result, bare(to)));
  }
}
