// Finds the channels that an event may concern without asking each: by record id, else by branch, else by
// resource, whichever their interest names first. Not thread-safe (the hub locks).
#pragma once
#include "http/streams/channel.hpp"
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace synclog::http::streams {

class interest_index {
 public:
  void add(const channel_ptr& one);
  void remove(const channel_ptr& one);
  // Every channel at most once; a superset of those that the event belongs to. O(what it finds).
  // `call` takes a const channel_ptr&.
  template <class Visit>
  void visit(const eventstore::feed_event& event, Visit call) {
    const auto visit_number = ++visits_;
    const auto once = [visit_number, &call](const channel_ptr& one) {
      if (one->last_visit == visit_number) return;
      one->last_visit = visit_number;
      call(one);
    };
    for (const auto& one : any_)
      once(one);
    visit_bucket(by_resource_, event.entity, once);
    visit_bucket(by_id_, event.record_id, once);
    visit_bucket(by_branch_, event.branch, once);
    if (event.moved) visit_bucket(by_branch_, event.previous_branch, once);
  }

 private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using bucket = std::vector<channel_ptr>;
  using buckets = std::unordered_map<std::string, bucket, text_hash, std::equal_to<>>;

  template <class Visit>
  static void visit_bucket(const buckets& in, std::string_view key, Visit& call) {
    const auto found = in.find(key);
    if (found == in.end()) return;
    for (const auto& one : found->second)
      call(one);
  }
  template <class Change>
  void change(const channel_ptr& one, Change apply);

  buckets by_id_, by_branch_, by_resource_;
  bucket any_;
  std::uint64_t visits_ = 0;
};

} // namespace synclog::http::streams
