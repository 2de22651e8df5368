// Text with places that every request fills anew: {uuid}, {unique}, {number}, {branch}, {id}, {sent}. Parsed
// once, then filled into a reused buffer without allocating. A template is shared by threads, each with a
// fill_source of its own.
#pragma once
#include "core/problem.hpp"
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tools::load {

enum class slot : std::uint8_t {
  none,   // text alone
  uuid,   // a fresh UUIDv7, 36 characters: time-ordered, as client libraries make them
  unique, // 16 hex digits that no other request of the run has
  number, // 10 random digits
  branch, // "branch-07", the request's
  id,     // the request's, of varying length; in paths only
  sent,   // when the request was made: nanoseconds of CLOCK_MONOTONIC, 19 digits
};

inline constexpr std::size_t most_branches = 1'000;
// "branch-07"; 3 digits from 100 branches on.
std::string branch_name(std::size_t index, std::size_t branches);

// Random numbers and what a run counts. One thread.
class fill_source {
 public:
  // Sources with different seeds make different texts.
  explicit fill_source(std::uint64_t seed);
  std::uint64_t next(); // 64 random bits (xoshiro256**, Blackman and Vigna 2018)
  // Uniform below `bound` (> 0) for all that matters here.
  std::size_t below(std::size_t bound);
  void append_uuid(std::string& out);
  void append_unique(std::string& out);

 private:
  std::array<std::uint64_t, 4> state_{};
  std::uint64_t counter_ = 0;
  std::uint64_t unique_;
};

// What is the same for all places of one request.
struct fill_values {
  std::string_view branch;
  std::string_view id;
  std::int64_t now_ns = 0;
};

class text_template {
 public:
  enum class may_have : std::uint8_t { fixed_slots, all_slots };
  // bad_request names an unknown {place} and the known ones. A brace that does not enclose a lower-case word
  // is text.
  static core::result<text_template> parse(std::string_view text, may_have allowed);

  void append(std::string& out, fill_source& source, const fill_values& values) const;
  // Of the text filled; exact when it has no {id}. `branch_bytes` is the length of a branch's name.
  std::size_t size(std::size_t branch_bytes) const;
  bool has(slot wanted) const;

 private:
  struct piece {
    std::string before;
    slot then = slot::none;
  };
  std::vector<piece> pieces_;
};

} // namespace synclog::tools::load
