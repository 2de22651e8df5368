// The words of the API for each problem code, and the two ways a broken invariant ends the process.
#include "core/problem.hpp"
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace synclog::core {

namespace {

constexpr std::array<std::pair<problem_code, std::string_view>, 25> code_words{{
    {problem_code::malformed, "malformed"},
    {problem_code::bad_request, "bad_request"},
    {problem_code::unauthorized, "unauthorized"},
    {problem_code::forbidden, "forbidden"},
    {problem_code::not_found, "not_found"},
    {problem_code::method_not_allowed, "method_not_allowed"},
    {problem_code::not_acceptable, "not_acceptable"},
    {problem_code::stale_version, "stale_version"},
    {problem_code::taken, "taken"},
    {problem_code::precondition_failed, "precondition_failed"},
    {problem_code::length_required, "length_required"},
    {problem_code::too_large, "too_large"},
    {problem_code::uri_too_long, "uri_too_long"},
    {problem_code::unsupported_media, "unsupported_media"},
    {problem_code::invalid, "invalid"},
    {problem_code::idempotency_mismatch, "idempotency_mismatch"},
    {problem_code::aborted, "aborted"},
    {problem_code::header_too_large, "header_too_large"},
    {problem_code::too_many_requests, "too_many_requests"},
    {problem_code::overloaded, "overloaded"},
    {problem_code::database_unavailable, "database_unavailable"},
    {problem_code::database_not_durable, "database_not_durable"},
    {problem_code::outdated_server, "outdated_server"},
    {problem_code::outcome_unknown, "outcome_unknown"},
    {problem_code::draining, "draining"},
}};

} // namespace

std::string_view to_string(problem_code code) {
  for (const auto& [known, word] : code_words)
    if (known == code) return word;
  return "internal";
}

std::optional<problem_code> problem_code_from(std::string_view text) {
  for (const auto& [known, word] : code_words)
    if (word == text) return known;
  if (text == "internal") return problem_code::internal;
  return std::nullopt;
}

problem make_problem(problem_code code, std::string detail) {
  problem made;
  made.code = code;
  made.detail = std::move(detail);
  return made;
}

problem invalid_field(std::string pointer, std::string detail) {
  problem made;
  made.code = problem_code::invalid;
  made.detail = pointer.empty() ? detail : pointer + ": " + detail;
  made.errors.push_back({std::move(pointer), std::move(detail)});
  return made;
}

void throw_exception_from_error(const problem& error, const boost::source_location& where) {
  std::fprintf(stderr, "a result was used although it holds a problem (%s:%u)\n", where.file_name(),
               static_cast<unsigned>(where.line()));
  invariant_broken(error.detail);
}

void invariant_broken(std::string_view what) {
  std::fprintf(stderr, "broken invariant: %.*s\n", static_cast<int>(what.size()), what.data());
  std::fflush(stderr);
  std::abort();
}

} // namespace synclog::core
