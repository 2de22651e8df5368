// Cursors of the log and of pages: what is printed is read as the same, and nothing else is read.
#include "core/entity.hpp"
#include "core/event.hpp"
#include "fuzz/targets.hpp"
#include "projections/list_query.hpp"
#include <array>

namespace synclog::fuzz {

namespace {

void check_log_cursor(std::string_view input) {
  const auto read = core::parse_cursor(input);
  if (!read) return;
  require(read->position.value >= 0, "cursor: no position is below zero");
  const std::string number = std::to_string(read->position.value);
  if (!read->fingerprint) {
    const auto again = core::parse_cursor(number);
    require(again && again->position == read->position && !again->fingerprint,
            "cursor: a position written again is the same");
    return;
  }
  const std::string text = core::to_string(core::cursor{read->position, *read->fingerprint});
  const auto again = core::parse_cursor(text);
  require(again && again->position == read->position && again->fingerprint == read->fingerprint,
          "cursor: a cursor written again is the same");
  const bool plain = input.find_first_of("ABCDEF") == std::string_view::npos && input.size() == text.size();
  require(!plain || input == text, "cursor: one text a cursor");
}

std::vector<projections::list_query> lists() {
  static const auto entities = core::catalog::load("");
  using parameters = std::vector<std::pair<std::string, std::string>>;
  const std::array<std::pair<const char*, parameters>, 4> asked{
      {{"clients", {}},
       {"clients", {{"sort", "full_name,-date_of_birth"}, {"branch", "north"}}},
       {"finance-cash-requests", {{"sort", "-amount,approved_at"}}},
       {"distributors", {{"sort", "id"}, {"limit", "10"}}}}};
  std::vector<projections::list_query> made;
  for (const auto& [entity, given] : asked)
    made.push_back(*projections::parse_list_query(*entities->find(entity), given, {}));
  return made;
}

// The input as the last row's values, one a line; a line of a single dot is no value.
void check_page_cursor(const projections::list_query& list, std::string_view input) {
  std::vector<std::optional<std::string>> values(list.order.size());
  std::string_view rest = input;
  for (auto& value : values) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (rest.substr(0, end) != ".") value = std::string(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  std::string text = projections::encode_page_cursor(list, values);
  const auto read = projections::decode_page_cursor(list, text);
  if (read) require(*read == values, "cursor: a page's cursor keeps its values");
  // One character changed anywhere: no cursor.
  const std::size_t at = input.empty() ? 0 : static_cast<unsigned char>(input.front()) * text.size() / 256;
  text[at] = text[at] == 'A' ? 'B' : 'A';
  require(!projections::decode_page_cursor(list, text), "cursor: a damaged one is not taken");
}

} // namespace

void cursor(std::string_view input) {
  check_log_cursor(input);
  static const std::vector<projections::list_query> known = lists();
  for (std::size_t i = 0; i < known.size(); ++i) {
    projections::decode_page_cursor(known[i], input);
    check_page_cursor(known[i], input);
    const auto foreign = projections::encode_page_cursor(
        known[i], std::vector<std::optional<std::string>>(known[i].order.size(), "1"));
    require(!projections::decode_page_cursor(known[(i + 1) % known.size()], foreign),
            "cursor: another list's is not taken");
  }
}

} // namespace synclog::fuzz
