// Private to core/json*: the SAX handler that turns RapidJSON's events into a document's tree and writes down
// what the house refuses. One per parse; the work stacks are borrowed from the thread so that a small
// document allocates little.
#pragma once
#include "core/json.hpp"
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::core::json {

// Why a grammatical number is refused; empty when it is not.
std::string_view number_defect(std::string_view text);

inline constexpr std::string_view lone_surrogate_detail = "contains a surrogate escape without its partner";
inline constexpr std::string_view nul_detail = "contains \\u0000, which cannot be stored";

// A spot of the text that the parser cannot digest and that was overwritten before a second parse.
struct patched_spot {
  std::size_t offset = 0;
  std::string_view detail;
};

class tree_builder {
 public:
  // Containers deeper than this many times `max_depth` end the parse: RapidJSON's own stack grows with the
  // depth.
  static constexpr std::size_t hard_depth_factor = 16;
  // More defects than this end the parse; fewer are kept so that a bulk can reject exactly the items that
  // have them.
  static constexpr std::size_t max_defects = 10'000;

  struct frame {
    bool object = false;
    std::size_t start = 0; // of its children in `pending`
    std::string_view name; // of the member being read
  };
  struct stacks {
    std::vector<frame> frames;
    std::vector<member> pending; // children of the open containers; array elements leave the name empty
    std::vector<std::pair<std::size_t, std::size_t>> names_by_hash;
    void clear();
  };

  // `buffer` is the text being parsed in place; `original` the same text untouched. `has_escapes` says
  // whether there is any \u in it: strings of a text without are free of NUL and surrogates.
  tree_builder(stacks& work, std::pmr::memory_resource& arena, std::vector<defect>& defects, limits bounds,
               const char* buffer, std::string_view original, bool has_escapes,
               const std::vector<patched_spot>& patches);

  const value& root() const { return root_; }
  std::string current_pointer() const { return pointer_to(work_.frames.size()); }

  // RapidJSON's handler concept.
  bool Null();
  bool Bool(bool given);
  bool RawNumber(const char* text, std::size_t length, bool copy);
  bool String(const char* text, std::size_t length, bool copy);
  bool Key(const char* text, std::size_t length, bool copy);
  bool StartObject() { return open(true); }
  bool StartArray() { return open(false); }
  bool EndObject(std::size_t) { return close(); }
  bool EndArray(std::size_t) { return close(); }
  // Never called under kParseNumbersAsStringsFlag.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  bool open(bool object);
  bool close();
  void add(const value& child);
  void report(std::string pointer, std::string_view detail);
  std::string pointer_to(std::size_t depth) const;
  std::string_view string_defect(const char* text, std::size_t length);
  std::string_view patch_within(std::size_t first, std::size_t past);
  void report_duplicates(std::span<const member> members);
  bool may_go_on() const { return defects_.size() <= max_defects && values_ <= bounds_.max_values; }

  stacks& work_;
  std::pmr::memory_resource& arena_;
  std::vector<defect>& defects_;
  const limits bounds_;
  const char* const buffer_;
  const std::string_view original_;
  const bool has_escapes_;
  const std::vector<patched_spot>& patches_;
  std::size_t next_patch_ = 0;
  std::size_t values_ = 0;
  std::size_t skipped_depth_ = 0; // open containers below the depth limit, which are not built
  value root_;
};

} // namespace synclog::core::json
