// Matching by segments: the table has some twenty rows, so it is walked.
#include "http/router.hpp"
#include <algorithm>
#include <array>

namespace synclog::http {
namespace {

constexpr std::array<std::string_view, 7> method_names{"GET",   "HEAD",   "POST",   "PUT",
                                                       "PATCH", "DELETE", "OPTIONS"};

// Never entities: core refuses definitions with these names, and routes of their own begin with them.
constexpr std::array<std::string_view, 4> reserved_names{"events", "session", "tickets", "admin"};

constexpr bool is_variable(std::string_view part) {
  return part.size() > 2 && part.front() == '{' && part.back() == '}';
}

} // namespace

std::string_view to_string(method verb) {
  return method_names[static_cast<std::size_t>(verb)];
}

router::router(std::span<const route> table) : table_(table) {
  for (const route& row : table_) {
    compiled pattern;
    std::string_view rest = row.pattern.substr(1);
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('/'), rest.size());
      pattern.parts.push_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    compiled_.push_back(std::move(pattern));
  }
}

bool router::fits(const compiled& pattern, const std::vector<std::string>& segments) const {
  if (pattern.parts.size() != segments.size()) return false;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string_view part = pattern.parts[i];
    if (!is_variable(part)) {
      if (part != segments[i]) return false;
      continue;
    }
    if (segments[i].empty()) return false;
    if (part == "{entity}" &&
        std::find(reserved_names.begin(), reserved_names.end(), segments[i]) != reserved_names.end()) {
      return false;
    }
  }
  return true;
}

router::match router::find(const std::vector<std::string>& segments, method verb) const {
  match out;
  const method_set wanted = only(verb);
  for (std::size_t i = 0; i < compiled_.size(); ++i) {
    if (!fits(compiled_[i], segments)) continue;
    method_set methods = table_[i].methods;
    if ((methods & only(method::get)) != 0) methods |= only(method::head);
    out.allowed |= methods;
    if (out.found == nullptr && (methods & wanted) != 0) {
      out.found = &table_[i];
      out.index = i;
    }
  }
  if (out.allowed != 0) out.allowed |= only(method::options);
  return out;
}

std::string allow_header(method_set allowed) {
  std::string out;
  for (std::size_t i = 0; i < method_names.size(); ++i) {
    if ((allowed & (1u << i)) == 0) continue;
    if (!out.empty()) out += ", ";
    out += method_names[i];
  }
  return out;
}

} // namespace synclog::http
