// See records_media.hpp.
#include "http/handlers/records_media.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace synclog::http::handlers {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text) {
  std::string made(text);
  std::transform(made.begin(), made.end(), made.begin(), lower);
  return made;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "text/csv; charset=utf-8" taken apart: lower-case type, and one parameter's value without quotes.
struct media_type {
  std::string type;
  std::vector<std::string_view> parameters;

  std::optional<std::string> parameter(std::string_view name) const {
    for (const auto piece : parameters) {
      const auto equals = piece.find('=');
      if (equals == std::string_view::npos || lowered(trimmed(piece.substr(0, equals))) != name) continue;
      auto value = trimmed(piece.substr(equals + 1));
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        value = value.substr(1, value.size() - 2);
      return lowered(value);
    }
    return std::nullopt;
  }
};

media_type parse_media_type(std::string_view text) {
  auto pieces = split_list(text, ';');
  if (pieces.empty()) return {};
  media_type made;
  made.type = lowered(pieces.front());
  made.parameters.assign(pieces.begin() + 1, pieces.end());
  return made;
}

// JSON documents that are a record or an array of them. JSON Patch is JSON too, but a list of operations.
bool is_json(std::string_view type, bool merge_patch) {
  if (type == media_json) return true;
  if (type == "application/merge-patch+json") return merge_patch;
  return type.starts_with("application/") && type.ends_with("+json") && type != "application/json-patch+json";
}

// "0.8" in thousandths; anything that is no weight counts as 1, as servers commonly do.
int weight_of(const std::optional<std::string>& q) {
  if (!q || q->empty()) return 1000;
  const std::string& text = *q;
  if (text[0] != '0' || (text.size() > 1 && text[1] != '.')) return 1000;
  int weight = 0;
  int unit = 100;
  for (std::size_t at = 2; at < text.size() && unit > 0; ++at, unit /= 10) {
    if (text[at] < '0' || text[at] > '9') return 1000;
    weight += (text[at] - '0') * unit;
  }
  return weight;
}

struct accept_range {
  std::string type;
  int weight = 1000;
};

// How exactly a range names an offer: 3 exactly, 2 type/*, 1 */*, 0 not at all.
int exactness(std::string_view range, std::string_view offer) {
  if (range == offer) return 3;
  if (range == "*/*") return 1;
  if (range.ends_with("/*") && offer.starts_with(range.substr(0, range.size() - 1))) return 2;
  return 0;
}

struct fitness {
  int weight = 0;
  int exact = 0;
  std::size_t order = 0; // of the range in the header

  bool better_than(const fitness& other) const {
    if (weight != other.weight) return weight > other.weight;
    if (exact != other.exact) return exact > other.exact;
    return order < other.order;
  }
};

fitness fitness_of(std::span<const accept_range> ranges, std::string_view offer) {
  fitness best;
  for (std::size_t order = 0; order < ranges.size(); ++order) {
    const int exact = exactness(ranges[order].type, offer);
    if (exact > best.exact) best = {ranges[order].weight, exact, order};
  }
  return best;
}

} // namespace

std::vector<std::string_view> split_list(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  std::size_t start = 0;
  bool quoted = false;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const bool end = at == text.size();
    if (!end && text[at] == '"') quoted = !quoted;
    if (end || (text[at] == separator && !quoted)) {
      const auto piece = trimmed(text.substr(start, at - start));
      if (!piece.empty()) pieces.push_back(piece);
      start = at + 1;
    }
  }
  return pieces;
}

std::string joined_header(const request& asked, std::string_view lower_name) {
  std::string joined;
  for (const auto& [name, value] : asked.headers) {
    if (name != lower_name) continue;
    if (!joined.empty()) joined += ", ";
    joined += value;
  }
  return joined;
}

core::result<body_form> body_form_of(const request& asked, accepted_forms taken) {
  if (asked.header("content-type") == media_json) return body_form::json; // as nearly every client says it
  const auto given = parse_media_type(asked.header("content-type"));
  std::vector<std::string_view> names{media_json};
  if (taken.merge_patch) names.push_back("application/merge-patch+json");
  if (taken.ndjson) names.push_back(media_ndjson);
  if (taken.csv) names.push_back(media_csv);
  const auto refused = [&](std::string_view what) {
    return core::make_problem(core::problem_code::unsupported_media,
                              fmt::format("{}; this route takes {}", what, fmt::join(names, ", ")));
  };
  if (given.type.empty()) return refused("the body has no Content-Type");
  if (taken.csv && given.type == media_csv) return body_form::csv;
  const bool json = is_json(given.type, taken.merge_patch);
  const bool ndjson = taken.ndjson && (given.type == media_ndjson || given.type == "application/ndjson");
  if (!json && !ndjson) return refused("this Content-Type is not taken here");
  if (const auto charset = given.parameter("charset"))
    if (*charset != "utf-8" && *charset != "utf8" && *charset != "us-ascii")
      return refused("JSON is UTF-8 only");
  return json ? body_form::json : body_form::ndjson;
}

std::optional<std::size_t> negotiate(const request& asked, std::span<const std::string_view> offers) {
  constexpr std::size_t max_ranges = 64;
  const auto header = joined_header(asked, "accept");
  std::vector<accept_range> ranges;
  for (const auto piece : split_list(header, ',')) {
    if (ranges.size() == max_ranges) break;
    const auto media = parse_media_type(piece);
    if (!media.type.empty()) ranges.push_back({media.type, weight_of(media.parameter("q"))});
  }
  if (ranges.empty()) return offers.empty() ? std::nullopt : std::optional<std::size_t>(0);
  std::optional<std::size_t> chosen;
  fitness best;
  for (std::size_t index = 0; index < offers.size(); ++index) {
    const auto fit = fitness_of(ranges, offers[index]);
    if (fit.weight > 0 && fit.exact > 0 && (!chosen || fit.better_than(best))) {
      chosen = index;
      best = fit;
    }
  }
  return chosen;
}

core::problem not_acceptable(std::span<const std::string_view> offers) {
  return core::make_problem(core::problem_code::not_acceptable,
                            fmt::format("this route answers {}", fmt::join(offers, ", ")));
}

} // namespace synclog::http::handlers
