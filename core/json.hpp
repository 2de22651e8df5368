// The one JSON door. Everything that comes in is parsed here once: iteratively, depth-capped, UTF-8 checked;
// numbers keep their text. What is grammatical but refused by the house (duplicate keys, \u0000, depth, lone
// surrogates) is reported with its pointer. No RapidJSON type leaves core/json*.
#pragma once
#include "core/problem.hpp"
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::core::json {

enum class kind : std::uint8_t { null, boolean, number, string, array, object };

struct member;

// A node of a document; lives as long as its document. Plain data, cheap to copy.
struct value {
  json::kind kind = json::kind::null;
  bool boolean = false;
  std::string_view text;                // string: unescaped bytes; number: its text as it came
  const value* first_item = nullptr;    // array elements, `count` of them
  const member* first_member = nullptr; // object members in the order they came, `count` of them
  std::size_t count = 0;

  std::span<const value> items() const;           // empty unless an array
  std::span<const member> members() const;        // empty unless an object
  const value* find(std::string_view name) const; // nullptr when absent or not an object
};

struct member {
  std::string_view name; // unescaped
  json::value value;
};

struct limits {
  std::size_t max_depth = 64;
  std::size_t max_values =
      4'000'000; // of a whole document: each costs about a hundred bytes while it is parsed
};

// Something grammatical that the house refuses, at its place in the tree.
struct defect {
  std::string pointer;
  std::string detail;
};

class document {
 public:
  document(document&&) noexcept;
  document& operator=(document&&) noexcept;
  ~document();
  const value& root() const;
  // Not empty: the tree is complete but must not be stored. Bulk callers reject only the items whose pointer
  // begins with the defect's ("/3/…"); everybody else answers 422 with these.
  const std::vector<defect>& defects() const;

 private:
  struct state;
  explicit document(std::unique_ptr<state> owned);
  std::unique_ptr<state> state_;
  friend result<document> parse(std::string_view, limits);
};

// malformed (with place) when it is not JSON; invalid (with pointer) when a defect stops the parser itself.
// `text` may go away after the call. Trailing bytes other than white space are an error.
result<document> parse(std::string_view text, limits bounds = {});

// Canonical writing: no white space, minimal escapes, members in their order, numbers as they came.
void append_value(std::string& out, const value& source);
void append_string(std::string& out, std::string_view text); // quoted and escaped
std::string quoted(std::string_view text);
// The inverse of append_string for one JSON string token (quotes included). Precondition: valid.
std::string unquote(std::string_view token);

// RFC 7396: applies `patch` to `target` (both JSON texts, canonical result).
result<std::string> merge_patch(std::string_view target, std::string_view patch);

// One segment of an RFC 6901 pointer, escaped (~0, ~1).
std::string pointer_segment(std::string_view name);

// A top-level member of a canonical object, as views into its text.
struct slice {
  std::string_view name; // quoted token without its quotes, still escaped
  std::string_view value;
};

// The top-level members one after the other, without building a tree, so that a reader may stop early. The
// text was written by us: the grammar is trusted, but never read past the end. The text outlives the slices.
class member_reader {
 public:
  explicit member_reader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}
  // False behind the last member, and as soon as the text turns out to be no object.
  bool next(slice& out);
  // After next() gave false: the text was one object and nothing else.
  bool whole() const { return state_ == state::whole; }

 private:
  enum class state : std::uint8_t { unopened, open, whole, broken };
  bool close(const char* at);

  const char* at_;
  const char* end_;
  state state_ = state::unopened;
};

// All members at once. Returns false when the text is no object.
bool split_object(std::string_view text, std::vector<slice>& out);

} // namespace synclog::core::json
