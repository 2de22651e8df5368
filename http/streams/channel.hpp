// One stream as all its subscribers share it: a view, the ring of its newest frames, and the bells of its
// subscribers, in groups: ringing is also writing for those at rest, and whoever joins or leaves waits for
// one group at most. Thread-safe: a follower appends, sessions take.
#pragma once
#include "http/streams/bell.hpp"
#include "http/streams/byte_ring.hpp"
#include "http/streams/stream_view.hpp"
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace synclog::http::streams {

class channel {
 public:
  // `all_bytes` counts what the rings of all channels hold; it outlives them.
  channel(stream_view_ptr view, core::position base, std::size_t max_bytes,
          std::atomic<std::int64_t>& all_bytes);
  ~channel();
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;

  const stream_view& view() const { return *view_; }

  // The follower's calls, in the order of the log. True when the event belongs to the stream and was not
  // there.
  bool append(const eventstore::feed_event& event, const docs_before& before);
  void restart(core::position base);
  bool drop_oldest();
  // Forgets all frames when none came since the last call: whoever is that far behind finds them in the feed.
  void rest();
  std::size_t bytes() const;

  // What follows a position (byte_ring::after).
  std::optional<byte_ring::slice> after(core::position where) const;

  // In which group it is.
  std::size_t add_bell(bell& one);
  void remove_bell(bell& one, std::size_t group);
  std::size_t bell_groups() const;
  // How many were rung.
  std::size_t ring_bells(std::size_t group) const;

  // The follower's own notes, under its lock.
  std::size_t members = 0;
  std::uint64_t last_visit = 0; // of the index
  bool touched = false;         // frames were appended, and it is remembered for ringing

 private:
  // After each change of the ring, under its lock.
  void count_bytes();

  const stream_view_ptr view_;
  std::atomic<std::int64_t>& all_bytes_;
  std::size_t counted_bytes_ = 0;
  mutable std::mutex mutex_; // guards the ring
  byte_ring ring_;
  bool appended_ = false;

  static constexpr std::size_t bells_a_group = 64;
  struct bell_group {
    std::mutex mutex;
    std::vector<bell*> bells;
  };
  bell_group& group_at(std::size_t index) const;

  mutable std::mutex groups_mutex_;                 // guards what follows, not what is in a group
  std::vector<std::unique_ptr<bell_group>> groups_; // they stay once made
  std::vector<std::size_t> taken_;                  // places in each
  std::vector<std::size_t> with_room_;
};

using channel_ptr = std::shared_ptr<channel>;

} // namespace synclog::http::streams
