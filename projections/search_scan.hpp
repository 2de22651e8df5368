// One search over a snapshot of texts: which records hold the term, the first of them in the list's order.
// Stepwise, so that whoever runs it can let others run in between. Not shared between threads.
#pragma once
#include "projections/search_store.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

// A place in the list's order.
struct search_place {
  order_prefix key;
  std::string id; // counts among equal keys when the order goes by it
};

struct search_request {
  std::string term; // folded, not empty
  // What order the keys are wanted in; none: any records will do, as long as they are all.
  enum class direction : std::uint8_t { ascending, descending, none } order = direction::none;
  // Whether the list's order goes on by id, in the same direction, where keys are equal.
  enum class equal_keys : std::uint8_t { in_any_order, by_id } ties = equal_keys::in_any_order;
  std::optional<search_place> from; // what stands before it is not wanted
  std::size_t most = 1;             // candidates
  // When so many records have it, and a good part of those looked at, the rest is not looked at. 0: never.
  std::uint64_t common_count = 0;
};

class search_scan {
 public:
  search_scan(search_snapshot texts, search_request request);

  // Looks at one more segment; false when there was none left.
  bool step();

  // After the last step. Candidates in the list's order, at most `most`.
  struct candidate {
    order_prefix key;
    std::uint32_t segment = 0, index = 0;
  };
  const std::vector<candidate>& candidates() const { return candidates_; }
  std::string_view id(const candidate& of) const { return texts_[of.segment]->id(of.index); }
  search_place place(const candidate& of) const { return {of.key, std::string(id(of))}; }
  // Set when there were more: all records before it are among the candidates, none from it on. In no order:
  // set when they are not all.
  const std::optional<search_place>& cut() const { return cut_; }
  // Whether a record stands before a place, as far as keys and, among equal ones, ids can tell.
  bool is_before(const order_prefix& key, std::string_view id, const search_place& other) const;
  bool is_common() const { return common_; } // stopped early
  void go_on();                              // to the end after all, by further steps
  std::uint64_t found() const { return found_; }
  std::uint64_t looked_at() const { return looked_at_; }

 private:
  void take(std::uint32_t index);
  bool is_less(const order_prefix& key, std::string_view id, const order_prefix& other_key,
               std::string_view other_id) const;
  void prune();
  void finish();

  search_snapshot texts_;
  search_request request_;
  std::size_t next_ = 0;
  std::vector<candidate> candidates_;
  std::optional<search_place> cut_;
  std::uint64_t found_ = 0, looked_at_ = 0;
  bool common_ = false, finished_ = false;
};

} // namespace synclog::projections
