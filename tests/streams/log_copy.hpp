// The log as PostgreSQL holds it, reduced to what a subscriber's ledger is compared with; and the filter of a
// subscription, written a second time. Blocking.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests::streams {

// What a subscription asks for. Empty list = any.
struct interest {
  std::vector<std::string> resources{}, branches{}, ids{}, actions{};
};

struct logged {
  std::int64_t position = 0;
  std::uint64_t digest = 0; // of everything that an envelope says, `previous` and times apart
  std::string cursor;
  std::string resource, id, action;
  std::string branch, previous_branch; // "" = none; previous_branch also when the branch did not change
};

// The whole log in the order of positions; [0] is position 1. Throws std::runtime_error with PostgreSQL's
// words, or when a position is missing.
std::vector<logged> copy_log(const std::string& conninfo);

bool matches(const interest& wanted, const logged& event);

// An event as a client gets it. Throws std::runtime_error when a member is missing.
struct envelope {
  std::int64_t position = 0, previous = 0;
  std::string_view cursor;      // without quotes
  std::string_view recorded_at; // the same
  std::uint64_t digest = 0;     // 0: not taken
};
enum class envelope_depth : std::uint8_t { whole, places }; // places: no digest, for loads that must be cheap
// The views are of `text`.
envelope read_envelope(std::string_view text, envelope_depth depth = envelope_depth::whole);

// "1042-9f3a6c1e" -> 1042; throws std::runtime_error when it is no cursor.
std::int64_t position_of(std::string_view cursor);
// A text member of a canonical JSON object, without quotes; "" when absent.
std::string text_member(std::string_view object, std::string_view name);

} // namespace synclog::tests::streams
