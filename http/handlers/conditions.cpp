// See conditions.hpp.
#include "http/handlers/conditions.hpp"
#include "http/handlers/records_media.hpp"
#include <charconv>
#include <fmt/format.h>

namespace synclog::http::handlers {

namespace {

core::problem bad_condition(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

bool is_quoted(std::string_view tag) {
  return tag.size() >= 2 && tag.front() == '"' && tag.back() == '"';
}

std::string_view without_weak(std::string_view tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

// -1 when the tag is none that a version of ours has: it matches nothing, which is an answer and not an
// error.
std::int64_t version_of(std::string_view tag) {
  constexpr std::int64_t matches_nothing = -1;
  const auto digits = tag.substr(1, tag.size() - 2);
  std::int64_t version = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  const bool whole = read.ec == std::errc{} && read.ptr == digits.data() + digits.size();
  return whole && version > 0 ? version : matches_nothing;
}

} // namespace

core::result<write_conditions> read_write_conditions(const request& asked) {
  write_conditions made;
  const auto match = joined_header(asked, "if-match");
  if (!match.empty()) {
    const auto tags = split_list(match, ',');
    if (tags.size() != 1) return bad_condition("If-Match takes one version here");
    if (tags[0] == "*") {
      made.must_exist = true;
    } else if (tags[0].starts_with("W/")) {
      return bad_condition("If-Match needs a strong tag: \"<version>\" without W/");
    } else if (!is_quoted(tags[0])) {
      return bad_condition("If-Match is \"<version>\" in double quotes, or *");
    } else {
      made.expected_version = version_of(tags[0]);
    }
  }
  const auto none_match = joined_header(asked, "if-none-match");
  if (!none_match.empty()) {
    if (none_match != "*")
      return bad_condition("If-None-Match on a write takes only * (create, never change)");
    made.create_only = true;
  }
  if (made.create_only && (made.must_exist || made.expected_version))
    return bad_condition("If-Match and If-None-Match contradict each other");
  return made;
}

bool not_modified(const request& asked, std::string_view etag) {
  const auto header = joined_header(asked, "if-none-match");
  for (const auto tag : split_list(header, ','))
    if (tag == "*" || without_weak(tag) == without_weak(etag)) return true;
  return false;
}

std::string version_etag(std::int64_t version) {
  return fmt::format("\"{}\"", version);
}

} // namespace synclog::http::handlers
