// The bytes of all answers that wait for their readers, by caller, and who goes when they are too many. The
// server has one. Any thread.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace synclog::http {

class unread_answers {
 public:
  using clock = std::chrono::steady_clock;

  explicit unread_answers(std::size_t most_bytes) : most_bytes_(most_bytes) {}
  unread_answers(const unread_answers&) = delete;
  unread_answers& operator=(const unread_answers&) = delete;

  // No answer up to this is given up while somebody has a larger one: most answers to writes are small.
  static constexpr std::size_t small_bytes = 64u << 10;
  // Of all that may wait, what one caller may have when there is no room: more, and he goes first.
  static constexpr std::size_t caller_share = 4;

  // Why one is to go. Who is only behind may have caught up unseen.
  enum class parting : std::uint8_t { has_most, is_behind };

  // One of them; its destructor gives back what it holds. Used by one thread at a time.
  class answer {
   public:
    // `caller` "": it has no share, and counts among all. `cut` has the connection end, which it does later,
    // or calls stay(). It is called until the destructor, on any thread, and must not call back by itself.
    answer(unread_answers& all, std::string caller, std::function<void(parting)> cut);
    ~answer();
    answer(const answer&) = delete;
    answer& operator=(const answer&) = delete;

    // What is left of it by now, and since when its reader is behind. Those who are to go to make room for
    // more have been told when it returns true. False: it must go itself.
    bool hold(std::size_t bytes, clock::time_point behind_since, clock::time_point now);
    // It was told to go and need not: its reader has caught up.
    void stay(clock::time_point behind_since);

   private:
    friend class unread_answers;
    unread_answers& all_;
    const std::string caller_;
    const std::function<void(parting)> cut_;
    // guarded by the mutex of all
    std::size_t bytes_ = 0;
    clock::time_point behind_since_{};
    bool leaving_ = false;
  };

  std::size_t bytes() const;

 private:
  void set(answer& one, std::size_t bytes, bool leaving);
  bool make_room(answer& newcomer, clock::time_point now);
  std::pair<answer*, parting> choose(answer& newcomer, clock::time_point now);
  answer* largest_of_heaviest_caller();
  answer* furthest_behind(clock::time_point latest, std::size_t least);
  answer* largest();

  const std::size_t most_bytes_;
  mutable std::mutex mutex_; // guards what follows, and what the answers hold
  std::size_t bytes_ = 0, leaving_bytes_ = 0;
  std::unordered_set<answer*> answers_;
  std::unordered_map<std::string, std::size_t> by_caller_; // bytes, without those that leave
};

} // namespace synclog::http
