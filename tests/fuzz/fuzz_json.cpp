// The JSON door against a second opinion: the same texts are JSON, and what is taken prints as the same
// bytes.
#include "core/json.hpp"
#include "core/utf8.hpp"
#include "fuzz/json_oracle.hpp"
#include "fuzz/targets.hpp"
#include <set>

namespace synclog::fuzz {

namespace door = core::json;

namespace {

constexpr std::size_t max_depth = door::limits{}.max_depth;

std::string printed(const door::value& root) {
  std::string text;
  door::append_value(text, root);
  return text;
}

// Recursion ends at the depth that the door allows.
void check_tree(const door::value& node, std::size_t depth) {
  require(depth <= max_depth + 1, "json: nothing that is taken is deeper than the bound");
  require(node.text.find('\0') == std::string_view::npos, "json: no text that is taken has a NUL");
  if (node.kind == door::kind::string) {
    require(core::is_valid_utf8(node.text), "json: strings that are taken are UTF-8");
    require(door::unquote(door::quoted(node.text)) == node.text, "json: unquote is the inverse of quoted");
  }
  for (const door::value& item : node.items())
    check_tree(item, depth + 1);
  std::set<std::string_view> names;
  for (const door::member& each : node.members()) {
    require(names.insert(each.name).second, "json: no object that is taken has a name twice");
    require(each.name.find('\0') == std::string_view::npos, "json: no name that is taken has a NUL");
    require(node.find(each.name) == &each.value, "json: a member is found by its name");
    check_tree(each.value, depth + 1);
  }
}

// The reader of top-level members sees the same ones.
void check_slices(std::string_view text, const door::value& root) {
  std::vector<door::slice> slices;
  const bool whole = door::split_object(text, slices);
  require(whole == (root.kind == door::kind::object), "json: split_object takes objects and nothing else");
  if (!whole) return;
  require(slices.size() == root.count, "json: split_object finds every member");
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const door::member& member = root.members()[i];
    require(door::unquote("\"" + std::string(slices[i].name) + "\"") == member.name,
            "json: split_object reads the names");
    const auto value = door::parse(slices[i].value);
    require(value && printed(value->root()) == printed(member.value), "json: split_object reads the values");
  }
}

void check_merge(const std::string& text) {
  const auto untouched = door::merge_patch(text, "{}");
  require(untouched && *untouched == text, "json: an empty patch changes nothing");
  const auto once = door::merge_patch(text, text);
  require(once.has_value(), "json: what is taken can be merged");
  const auto twice = door::merge_patch(*once, text);
  require(twice && *twice == *once, "json: a patch applied again changes nothing");
  const auto parsed = door::parse(*once);
  require(parsed && parsed->defects().empty(), "json: what was merged is taken");
}

void check_refusal(const core::problem& refused, std::string_view input,
                   const std::optional<json_opinion>& opinion) {
  if (refused.code == core::problem_code::malformed) {
    require(!opinion, "json: what is JSON is not called malformed");
    require(refused.place.has_value() && refused.place->column >= 1 &&
                refused.place->column <= input.size() + 1,
            "json: what is malformed is so at a place in the text");
    return;
  }
  require(refused.code == core::problem_code::invalid, "json: a text is malformed or invalid");
  require(!refused.errors.empty(), "json: what is invalid is so at a pointer");
}

} // namespace

void json(std::string_view input) {
  const auto opinion = read_json(input);
  const auto parsed = door::parse(input);
  std::vector<door::slice> unread;
  door::split_object(input, unread); // whatever it is, within its bounds
  if (!parsed) return check_refusal(parsed.error(), input, opinion);
  require(opinion.has_value(), "json: what is taken is JSON");
  const bool refused_by_the_house =
      opinion->depth > max_depth || opinion->has_duplicate || opinion->has_nul || opinion->has_lone_surrogate;
  if (!parsed->defects().empty()) {
    require(refused_by_the_house || opinion->has_odd_number, "json: nothing is refused without a reason");
    return;
  }
  require(!refused_by_the_house, "json: depth, repeated names, NUL and lone surrogates are never taken");
  check_tree(parsed->root(), 1);
  const std::string text = printed(parsed->root());
  require(text == opinion->canonical, "json: the printed text is the canonical one");
  const auto again = door::parse(text);
  require(again && again->defects().empty(), "json: what was printed is taken");
  require(printed(again->root()) == text, "json: what was printed prints the same");
  check_slices(text, parsed->root());
  check_slices(input.starts_with("\xEF\xBB\xBF") ? input.substr(3) : input, parsed->root());
  if (parsed->root().kind == door::kind::object) check_merge(text);
}

} // namespace synclog::fuzz
