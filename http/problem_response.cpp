// Problems as HTTP answers.
#include "http/problem_response.hpp"
#include "core/json.hpp"
#include <array>

namespace synclog::http {
namespace {

using code = core::problem_code;

struct http_meaning {
  core::problem_code code;
  unsigned status;
  std::string_view title;
  unsigned retry_after_s; // 0 = no header
};

constexpr std::array meanings{
    http_meaning{code::malformed, 400, "The body cannot be read", 0},
    http_meaning{code::bad_request, 400, "The request is wrong", 0},
    http_meaning{code::unauthorized, 401, "A valid token is needed", 0},
    http_meaning{code::forbidden, 403, "Not allowed", 0},
    http_meaning{code::not_found, 404, "Not found", 0},
    http_meaning{code::method_not_allowed, 405, "Method not allowed here", 0},
    http_meaning{code::not_acceptable, 406, "No acceptable form", 0},
    http_meaning{code::stale_version, 409, "The record has changed", 0},
    http_meaning{code::taken, 409, "Taken by another record", 0},
    http_meaning{code::precondition_failed, 412, "The condition does not hold", 0},
    http_meaning{code::length_required, 411, "Content-Length is needed", 0},
    http_meaning{code::too_large, 413, "Too large", 0},
    http_meaning{code::uri_too_long, 414, "The URL is too long", 0},
    http_meaning{code::unsupported_media, 415, "Unsupported media type", 0},
    http_meaning{code::invalid, 422, "Some fields are not valid", 0},
    http_meaning{code::idempotency_mismatch, 422, "The Idempotency-Key belongs to another request", 0},
    http_meaning{code::aborted, 424, "Fell with its neighbours", 0},
    http_meaning{code::header_too_large, 431, "The headers are too large", 0},
    http_meaning{code::too_many_requests, 429, "Too many requests", 1},
    http_meaning{code::overloaded, 503, "The server is busy", 1},
    http_meaning{code::database_unavailable, 503, "The database cannot be reached", 2},
    http_meaning{code::database_not_durable, 503, "The database could lose what it acknowledges", 2},
    http_meaning{code::outdated_server, 503, "This server has an older definition", 10},
    http_meaning{code::outcome_unknown, 503, "The outcome is not known", 2},
    http_meaning{code::draining, 503, "The server is shutting down", 2},
    http_meaning{code::internal, 500, "Something went wrong here", 0},
};

const http_meaning& meaning_of(core::problem_code wanted) {
  for (const http_meaning& entry : meanings) {
    if (entry.code == wanted) return entry;
  }
  return meanings.back();
}

void append_errors(std::string& out, const std::vector<core::field_error>& errors) {
  out += ",\"errors\":[";
  const char* separator = "";
  for (const core::field_error& error : errors) {
    out += separator;
    separator = ",";
    out += "{\"pointer\":";
    core::json::append_string(out, error.pointer);
    out += ",\"detail\":";
    core::json::append_string(out, error.detail);
    out += '}';
  }
  out += ']';
}

} // namespace

unsigned status_of(core::problem_code wanted) {
  return meaning_of(wanted).status;
}
std::string_view title_of(core::problem_code wanted) {
  return meaning_of(wanted).title;
}

std::string problem_body(const core::problem& problem) {
  const http_meaning& meaning = meaning_of(problem.code);
  const std::string_view word = core::to_string(problem.code);
  std::string out;
  out.reserve(160 + problem.detail.size() + problem.current.size());
  out += "{\"type\":\"/problems/";
  out += word;
  out += "\",\"title\":";
  core::json::append_string(out, meaning.title);
  out += ",\"status\":";
  out += std::to_string(meaning.status);
  if (!problem.detail.empty()) {
    out += ",\"detail\":";
    core::json::append_string(out, problem.detail);
  }
  out += ",\"code\":\"";
  out += word;
  out += '"';
  if (problem.place) {
    out += ",\"line\":";
    out += std::to_string(problem.place->line);
    out += ",\"column\":";
    out += std::to_string(problem.place->column);
  }
  if (!problem.errors.empty()) append_errors(out, problem.errors);
  if (!problem.current.empty()) {
    out += ",\"current\":";
    out += problem.current;
  }
  out += '}';
  return out;
}

response to_response(const core::problem& problem) {
  const http_meaning& meaning = meaning_of(problem.code);
  response out;
  out.status = meaning.status;
  out.headers.emplace_back("Content-Type", "application/problem+json");
  if (meaning.retry_after_s > 0)
    out.headers.emplace_back("Retry-After", std::to_string(meaning.retry_after_s));
  if (problem.code == code::unauthorized) out.headers.emplace_back("WWW-Authenticate", "Bearer");
  out.body = problem_body(problem);
  return out;
}

} // namespace synclog::http
