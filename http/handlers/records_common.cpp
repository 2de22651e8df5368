// See records_common.hpp.
#include "http/handlers/records_common.hpp"
#include "http/problem_response.hpp"
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace synclog::http::handlers {

namespace {

constexpr std::array<bool, 256> unreserved_bytes = [] {
  std::array<bool, 256> made{};
  for (const char c : std::string_view("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~"))
    made[static_cast<unsigned char>(c)] = true;
  return made;
}();

bool is_unreserved(char c) {
  return unreserved_bytes[static_cast<unsigned char>(c)];
}

} // namespace

core::result<const core::entity*> find_entity(const services& with, const request& asked) {
  const core::entity* found = asked.segments.size() > 1 ? with.entities.find(asked.segments[1]) : nullptr;
  if (found != nullptr) return found;
  return core::make_problem(core::problem_code::not_found, "there is no such entity");
}

std::optional<core::problem> refuse_unknown_parameters(const request& asked,
                                                       std::span<const std::string_view> known) {
  for (const auto& [name, value] : asked.query) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    auto detail = known.empty()
                      ? fmt::format("unknown parameter '{}': this route takes none", name)
                      : fmt::format("unknown parameter '{}'; known: {}", name, fmt::join(known, ", "));
    return core::make_problem(core::problem_code::bad_request, std::move(detail));
  }
  return std::nullopt;
}

std::optional<core::problem> refuse_repeated_parameters(const request& asked,
                                                        std::span<const std::string_view> single) {
  for (const auto& name : single)
    if (parameter_values(asked, name).size() > 1)
      return core::make_problem(core::problem_code::bad_request, fmt::format("{}: given twice", name));
  return std::nullopt;
}

std::vector<std::string> parameter_values(const request& asked, std::string_view name) {
  std::vector<std::string> values;
  for (const auto& [given, value] : asked.query)
    if (given == name) values.push_back(value);
  return values;
}

core::result<bool> flag_parameter(const request& asked, std::string_view name) {
  const auto given = asked.parameter(name);
  if (!given || *given == "false" || *given == "0") return false;
  if (*given == "true" || *given == "1") return true;
  return core::make_problem(core::problem_code::bad_request, fmt::format("{} is true or false", name));
}

void append_scope(std::string& key, const core::scope& caller) {
  key += caller.all_branches ? "\nall\n" : "\nsome\n";
  if (caller.all_branches) return;
  for (const auto& branch : caller.branches)
    key += fmt::format("{}:{}", branch.size(), branch);
}

void add_common_headers(response& made) {
  made.headers.emplace_back("Vary", "Accept, Authorization, Cookie");
  made.headers.emplace_back("Cache-Control", "private, no-cache");
}

response json_response(unsigned status, std::string body) {
  response made;
  made.status = status;
  made.headers.emplace_back("Content-Type", "application/json");
  add_common_headers(made);
  made.body = std::move(body);
  return made;
}

response problem_answer(const core::problem& why) {
  auto made = to_response(why);
  add_common_headers(made);
  return made;
}

boost::asio::awaitable<void> send_problem(responder& answer, core::problem why) {
  auto made = problem_answer(why);
  co_await answer.send(std::move(made));
}

std::string percent_encoded(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  if (std::all_of(text.begin(), text.end(), is_unreserved)) return std::string(text);
  std::string made;
  made.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_unreserved(c)) {
      made.push_back(c);
    } else {
      made.push_back('%');
      made.push_back(digits[byte >> 4]);
      made.push_back(digits[byte & 15]);
    }
  }
  return made;
}

std::string next_link(const request& asked, std::string_view name, std::string_view value) {
  std::string made = "<?";
  for (const auto& [given, text] : asked.query)
    if (given != name) made += fmt::format("{}={}&", percent_encoded(given), percent_encoded(text));
  made += fmt::format("{}={}>; rel=\"next\"", name, percent_encoded(value));
  return made;
}

} // namespace synclog::http::handlers
