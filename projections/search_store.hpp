// The folded search texts of one entity's records, one behind the other in memory, so that a search is one
// pass over them. Segments only grow until they are full, and what is changed is written anew at the end:
// whoever searches looks at a snapshot and needs no lock. One thread at a time changes it; any thread takes
// snapshots.
#pragma once
#include "projections/order_prefix.hpp"
#include <atomic>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

// A stretch of records. Each text ends with a NUL, which no text contains: nothing is found across two.
class search_segment {
 public:
  static constexpr std::uint32_t max_records = 8'192;
  static constexpr std::size_t usual_bytes = 512u << 10; // of texts and of ids, each

  search_segment(std::size_t text_bytes, std::size_t id_bytes);

  bool has_room(std::string_view id, std::string_view text) const;
  // Precondition: has_room. -> its index
  std::uint32_t append(std::string_view id, std::string_view text, order_prefix key);
  void mark_gone(std::uint32_t index);

  std::uint32_t size() const { return count_.load(std::memory_order_acquire); }
  // Of the first `count` records, count > 0 and at most a size() seen before.
  std::string_view texts(std::uint32_t count) const { return {texts_.get(), entries_[count - 1].text_end}; }
  std::size_t text_end(std::uint32_t index) const { return entries_[index].text_end; }
  std::string_view text(std::uint32_t index) const;
  std::string_view id(std::uint32_t index) const;
  order_prefix key(std::uint32_t index) const { return entries_[index].key; }
  bool is_gone(std::uint32_t index) const;
  std::uint32_t living() const { return living_; } // for whoever changes it
  std::size_t bytes() const;                       // used

 private:
  struct entry {
    order_prefix key;
    std::uint32_t text_end, id_end;
  };
  std::size_t text_capacity_, id_capacity_;
  std::unique_ptr<char[]> texts_, ids_;
  std::unique_ptr<entry[]> entries_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> gone_;
  std::atomic<std::uint32_t> count_{0};
  std::uint32_t living_ = 0;
};

using search_snapshot = std::vector<std::shared_ptr<const search_segment>>;

class search_store {
 public:
  search_store();
  search_store(const search_store&) = delete;
  search_store& operator=(const search_store&) = delete;

  // What the log says of a record: the newest that is known.
  void set(std::string_view id, std::string_view text, order_prefix key);
  void remove(std::string_view id);
  // What the table said of it while loading: counts only while the log has said nothing since clear().
  void load(std::string_view id, std::string_view text, order_prefix key);
  void loaded(); // no load() follows
  void clear();  // everything; loading begins anew

  std::size_t records() const { return places_.size(); } // for whoever changes it
  std::size_t bytes() const;                             // the same
  search_snapshot snapshot() const;                      // any thread

 private:
  using place = std::uint32_t; // number of a segment * max_records + index
  struct by_id_hash {
    using is_transparent = void;
    const search_store* store;
    std::size_t operator()(std::string_view id) const;
    std::size_t operator()(place where) const;
  };
  struct by_id_equal {
    using is_transparent = void;
    const search_store* store;
    bool operator()(place left, place right) const { return left == right; }
    bool operator()(std::string_view id, place where) const;
    bool operator()(place where, std::string_view id) const { return (*this)(id, where); }
  };

  const search_segment& segment_of(place where) const {
    return *segments_[where / search_segment::max_records];
  }
  void append(std::string_view id, std::string_view text, order_prefix key);
  void open_segment(std::string_view id, std::string_view text);
  bool forget(std::string_view id);
  void evacuate(std::size_t number);

  mutable std::mutex mutex_;                              // guards segments_ against snapshot()
  std::vector<std::shared_ptr<search_segment>> segments_; // null = its number is free
  std::vector<std::size_t> free_numbers_;
  std::size_t open_ = 0;          // the segment that is appended to
  std::size_t segment_bytes_ = 0; // of all but the open one
  boost::unordered_flat_set<place, by_id_hash, by_id_equal> places_;
  bool loading_ = true;
  std::set<std::string, std::less<>> removed_; // by the log while loading
};

} // namespace synclog::projections
