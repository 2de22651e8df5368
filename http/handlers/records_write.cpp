// See records_write.hpp.
#include "http/handlers/records_write.hpp"
#include "core/chain.hpp"
#include "http/handlers/bulk_answer.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/handlers/write_answer.hpp"
#include "http/router.hpp"
#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace synclog::http::handlers {

namespace {

constexpr std::size_t max_key_characters = 255;
constexpr std::size_t max_origin_bytes = 255;

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

core::problem bad_request(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

// "" when the header is absent.
core::result<std::string> read_idempotency_key(const request& asked) {
  bool present = false;
  std::string key;
  for (const auto& [name, value] : asked.headers) {
    if (name != "idempotency-key") continue;
    if (present) return bad_request("Idempotency-Key is given twice");
    present = true;
    key = value;
  }
  if (!present) return std::string{};
  if (key.empty() || key.size() > max_key_characters || !is_printable_ascii(key))
    return bad_request(
        fmt::format("Idempotency-Key is 1 to {} printable ASCII characters", max_key_characters));
  return key;
}

// ?map=DRN:distributor_code, repeated or separated by commas. A header may hold a colon: the last one counts.
core::result<std::vector<std::pair<std::string, std::string>>> read_column_map(const request& asked) {
  std::vector<std::pair<std::string, std::string>> made;
  for (const auto& text : parameter_values(asked, "map")) {
    for (const auto piece : split_list(text, ',')) {
      const auto colon = piece.rfind(':');
      if (colon == std::string_view::npos || colon == 0 || colon + 1 == piece.size())
        return bad_request(fmt::format("map is COLUMN:field, not '{}'", piece));
      made.emplace_back(std::string(piece.substr(0, colon)), std::string(piece.substr(colon + 1)));
    }
  }
  return made;
}

// Length-prefixed, so that no two lists of parts give the same bytes.
void append_part(std::string& out, std::string_view part) {
  out += std::to_string(part.size());
  out.push_back(':');
  out += part;
}

} // namespace

std::string preferences::applied(bool bulk) const {
  std::string made;
  const auto add = [&made](std::string_view word) {
    if (!made.empty()) made += ", ";
    made += word;
  };
  if (returned == return_preference::minimal && !bulk) add("return=minimal");
  if (returned == return_preference::representation) add("return=representation");
  if (bulk && handling == eventstore::bulk_handling::strict) add("handling=strict");
  if (bulk && handling == eventstore::bulk_handling::lenient) add("handling=lenient");
  return made;
}

preferences read_preferences(const request& asked) {
  preferences made;
  const auto header = joined_header(asked, "prefer");
  for (const auto preference : split_list(header, ',')) {
    const auto words = split_list(preference, ';');
    if (words.empty()) continue;
    std::string word;
    for (const char c : words.front())
      if (c != ' ' && c != '"') word.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    // The first of a kind counts (RFC 7240, 2).
    const bool return_unset = made.returned == return_preference::unset;
    if (word == "return=minimal" && return_unset) made.returned = return_preference::minimal;
    if (word == "return=representation" && return_unset) made.returned = return_preference::representation;
    if (word == "handling=strict" && !made.handling) made.handling = eventstore::bulk_handling::strict;
    if (word == "handling=lenient" && !made.handling) made.handling = eventstore::bulk_handling::lenient;
  }
  return made;
}

core::result<opened_write> open_write(const services& with, const request& asked,
                                      std::span<const std::string_view> known_parameters) {
  opened_write made;
  const auto definition = find_entity(with, asked);
  if (!definition) return definition.error();
  made.definition = *definition;
  if (auto why = refuse_unknown_parameters(asked, known_parameters)) return std::move(*why);
  const auto dry_run = flag_parameter(asked, "dry_run");
  if (!dry_run) return dry_run.error();
  made.dry_run = *dry_run;
  auto column_map = read_column_map(asked);
  if (!column_map) return column_map.error();
  made.column_map = std::move(*column_map);
  auto conditions = read_write_conditions(asked);
  if (!conditions) return conditions.error();
  made.conditions = *conditions;
  auto key = read_idempotency_key(asked);
  if (!key) return key.error();
  made.idempotency_key = std::move(*key);
  made.preferences = read_preferences(asked);
  return made;
}

eventstore::write_request make_write_request(const request& asked, const opened_write& opened,
                                             std::vector<core::command> commands) {
  eventstore::write_request made;
  made.commands = std::move(commands);
  made.handling = opened.preferences.handling.value_or(eventstore::bulk_handling::lenient);
  made.caller = asked.caller;
  // A dry run leaves nothing behind, so there is no answer to keep for its key.
  if (!opened.idempotency_key.empty() && !opened.dry_run)
    made.idempotency = {opened.idempotency_key, request_fingerprint(asked)};
  made.request_id = asked.request_id;
  const auto origin = asked.header("origin");
  if (origin.size() <= max_origin_bytes && is_printable_ascii(origin)) made.origin = origin;
  made.user_agent = user_agent_class(asked.header("user-agent"));
  made.dry_run = opened.dry_run;
  made.until = asked.until;
  return made;
}

// If-Match beside expected_version may repeat it, never contradict it.
std::optional<core::problem> add_conditions(core::command& wanted, const write_conditions& conditions) {
  wanted.create_only = conditions.create_only;
  if (!conditions.expected_version) return std::nullopt;
  if (wanted.expected_version && wanted.expected_version != conditions.expected_version)
    return bad_request("If-Match and expected_version name different versions");
  wanted.expected_version = conditions.expected_version;
  wanted.expected_from = core::version_source::header;
  return std::nullopt;
}

boost::asio::awaitable<std::optional<core::problem>>
check_exists(const services& with, const request& asked, const opened_write& opened, std::string id) {
  if (id.empty()) co_return bad_request("If-Match: * needs the record's id in the body");
  auto caller = asked.caller;
  const auto found =
      co_await with.records.get(*opened.definition, std::move(id), std::move(caller), asked.until);
  if (found) co_return std::nullopt;
  co_return core::make_problem(core::problem_code::precondition_failed, "the record does not exist");
}

boost::asio::awaitable<core::result<response>> submit_one(const services& with, const request& asked,
                                                          const opened_write& opened, core::command wanted) {
  std::vector<core::command> commands;
  commands.push_back(std::move(wanted));
  auto asked_for = make_write_request(asked, opened, std::move(commands));
  auto outcome = co_await with.committer.submit(std::move(asked_for));
  if (!outcome) co_return outcome.error();
  // A dry run reports what would happen instead of showing a record that does not exist.
  if (opened.dry_run && !outcome->items.front().error) co_return bulk_answer(opened, *outcome, {});
  co_return record_answer(opened, *outcome);
}

core::sha256_digest request_fingerprint(const request& asked) {
  std::string text;
  append_part(text, to_string(asked.method));
  append_part(text, asked.path);
  auto parameters = asked.query;
  // The order between names means nothing; between values of one name it is kept.
  std::stable_sort(parameters.begin(), parameters.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  append_part(text, std::to_string(parameters.size()));
  for (const auto& [name, value] : parameters) {
    append_part(text, name);
    append_part(text, value);
  }
  for (const std::string_view header : {"content-type", "prefer", "if-match", "if-none-match"})
    append_part(text, joined_header(asked, header));
  const auto body = core::sha256(asked.body);
  text.append(reinterpret_cast<const char*>(body.data()), body.size());
  return core::sha256(text);
}

std::string_view user_agent_class(std::string_view user_agent) {
  struct known_agent {
    std::string_view mark, name;
  };
  constexpr std::array<known_agent, 9> known{{{"curl/", "curl"},
                                              {"Wget/", "wget"},
                                              {"synclog", "synclog"},
                                              {"python", "script"},
                                              {"Python", "script"},
                                              {"node", "script"},
                                              {"Go-http", "script"},
                                              {"undici", "script"},
                                              {"Mozilla/", "browser"}}};
  if (user_agent.empty()) return "";
  for (const auto& [mark, name] : known)
    if (user_agent.find(mark) != std::string_view::npos) return name;
  return "other";
}

} // namespace synclog::http::handlers
