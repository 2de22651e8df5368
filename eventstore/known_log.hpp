// What a committer knows of the log without asking: where it ends, if nobody else has written since, and the
// states of records that it changed lately. What is decided on it is proven by the database before it is
// saved: the end by a fence behind the head lock, "this record is new" and "this value is free" by the unique
// keys. On the committer's strand.
#pragma once
#include "core/chain.hpp"
#include "core/entity.hpp"
#include "core/record_state.hpp"
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::eventstore {

// The end of the log, and the sum of the adopted definitions' revisions, at one moment under the head lock.
struct log_head {
  core::cursor at;
  core::sha256_digest hash{};
  core::timestamp recorded_at;
  std::int64_t revisions = 0;

  bool operator==(const log_head&) const = default;
};

class known_log {
 public:
  static constexpr std::size_t default_max_bytes = 16u << 20;

  explicit known_log(std::size_t max_bytes = default_max_bytes);

  // Empty: nothing is known.
  const std::optional<log_head>& head() const { return head_; }
  // As it was read. If it is not the expected one, others have written, and no state counts any longer.
  void saw(const log_head& read);
  // Where the log ends when the batch that was just sent has been saved.
  void expect(const log_head& end) { head_ = end; }
  // A batch failed, or the connection: its effects are not in the log.
  void forget();

  // The record as it stands at the head. States beyond the bound go, those not used for longest first.
  void put(const core::entity& definition, core::record_state state);
  // nullptr: not known; it may exist.
  const core::record_state* find(const core::entity& definition, std::string_view id);
  void forget_states();
  std::size_t bytes() const { return bytes_; }

  // Entities of which some unique value is not held by an index of the database: only a look-up can tell
  // whether it is free.
  void distrust(std::vector<const core::entity*> entities) { distrusted_ = std::move(entities); }
  bool trusts(const core::entity& definition) const;

 private:
  struct entry {
    std::string key;
    core::record_state state;
  };
  using order = std::list<entry>; // front = used last

  static std::size_t size_of(const entry& one);
  std::string_view key_of(const core::entity& definition, std::string_view id);

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::optional<log_head> head_;
  order entries_;
  // Keys live in the entries. Flat: nearly every look-up of a record that is not there ends without reading
  // an entry.
  boost::unordered_flat_map<std::string_view, order::iterator, std::hash<std::string_view>> by_key_;
  std::string scratch_;
  std::vector<const core::entity*> distrusted_;
};

// Whether batches take the short way. Each one that the database refused there costs a round trip, so after a
// refusal the next few take the long one: twice as many each time, and fewer again once the short way held.
class short_way {
 public:
  static constexpr int first_pause = 4, longest_pause = 256;

  bool is_paused() const { return pause_left_ > 0; }
  // Asked once a batch.
  bool is_open() {
    if (pause_left_ == 0) return true;
    --pause_left_;
    return false;
  }
  void held() { pause_ = pause_ > first_pause ? pause_ / 2 : first_pause; }
  void refused() {
    pause_left_ = pause_;
    pause_ = pause_ * 2 > longest_pause ? longest_pause : pause_ * 2;
  }

 private:
  int pause_ = first_pause; // the next one's length
  int pause_left_ = 0;      // batches
};

} // namespace synclog::eventstore
