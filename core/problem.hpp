// Errors as values: what a caller did wrong or the state refuses. A broken database is an exception
// (eventstore/pg), a broken invariant aborts. http/problem_response maps each code to its HTTP answer.
#pragma once
#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::core {

enum class problem_code : std::uint8_t {
  malformed,            // 400 cannot be read as JSON, CSV or text; `place` says where
  bad_request,          // 400 a parameter or header is wrong
  unauthorized,         // 401
  forbidden,            // 403
  not_found,            // 404
  method_not_allowed,   // 405
  not_acceptable,       // 406
  stale_version,        // 409 expected_version differs; `current` holds the record
  taken,                // 409 a unique value or an id belongs to another record; errors name the field
  precondition_failed,  // 412 If-Match or If-None-Match; `current` holds the record
  length_required,      // 411
  too_large,            // 413
  uri_too_long,         // 414
  unsupported_media,    // 415
  invalid,              // 422 fields are wrong; `errors` names each
  idempotency_mismatch, // 422 the key was used for another request
  aborted,              // 424 inside a strict bulk: an item that fell with its neighbours
  header_too_large,     // 431
  too_many_requests,    // 429
  overloaded,           // 503 a bounded queue is full
  database_unavailable, // 503 nothing was saved
  database_not_durable, // 503 it could lose what it acknowledges; nothing was saved
  outdated_server,      // 503 the database holds a newer definition than this server; nothing was saved
  outcome_unknown,      // 503 may have been saved: retry with the same Idempotency-Key
  draining,             // 503 the server is shutting down
  internal,             // 500
};

// The stable word of the API: "stale_version", "taken", …
std::string_view to_string(problem_code code);
// The inverse; empty when unknown (stored answers are read back with it).
std::optional<problem_code> problem_code_from(std::string_view text);

struct field_error {
  std::string pointer; // RFC 6901, "" = the whole document
  std::string detail;
};

struct text_place {
  std::uint64_t line = 0;   // from 1
  std::uint64_t column = 0; // from 1, in bytes
};

struct problem {
  problem_code code = problem_code::internal;
  std::string detail;
  std::vector<field_error> errors;
  std::string current; // the record as it stands, JSON; empty = none
  std::optional<text_place> place;
};

problem make_problem(problem_code code, std::string detail);
problem invalid_field(std::string pointer, std::string detail);

template <class T>
using result = boost::system::result<T, problem>;

// Called by result<T>::value() on an error: asking for a value that is not there is a broken invariant.
[[noreturn]] void throw_exception_from_error(const problem& error, const boost::source_location& where);

// Prints what was broken and aborts, in release builds too.
[[noreturn]] void invariant_broken(std::string_view what);

} // namespace synclog::core
