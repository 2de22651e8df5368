// The sessions of a server, and who of them makes room when one more comes than there are places for: those
// that wait for their client (http/waiting.hpp), told one by one, as others come. Thread-safe; but only one
// caller admits: nobody else adds between its question whether there is room and its adding.
#pragma once
#include "http/waiting.hpp"
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>
#include <vector>

namespace synclog::http {

class session;

class session_registry {
 public:
  using clock = std::chrono::steady_clock;
  using session_ptr = std::shared_ptr<session>;

  // Before the first session. `capacity`: how many may be served at once.
  void open(std::size_t capacity);

  // True: one more may come, because there is a place or because somebody was told to go.
  bool find_place(clock::time_point now);
  // Whether one more may be told why it is refused. Such sessions take no place.
  bool may_refuse() const;
  void add(session_ptr one);
  void add_refused(session_ptr one);
  void remove(const session_ptr& one);
  void remove_refused(const session_ptr& one);

  // Tells at most so many of those who wait for their client with `why` to end; they go by and by. Not again
  // a moment after a look that found none, or slow ones.
  void part_with(waiting::reason why, std::size_t most, clock::time_point now);
  // The system has no descriptors or memory left: as many as were needed lately, whatever they wait for.
  void part_with_some(clock::time_point now);
  // Every now and then. Who was told to go and has begun to ask something keeps its place, and so does who
  // came for it: by and by they would be too many.
  void part_with_surplus(clock::time_point now);
  // How many sessions' deadlines lie before `now`; these end, or show why not.
  std::size_t check_deadlines(clock::time_point now);

  std::vector<session_ptr> all() const;
  std::size_t size() const;

 private:
  struct candidate {
    std::weak_ptr<session> who; // one that has ended must not be counted against its address until it is told
    waiting::state seen;
  };

  // All of these with the mutex held.
  std::size_t served() const { return sessions_.size() - refused_; }
  std::vector<candidate> look_for(std::optional<waiting::reason> why, std::size_t most,
                                  clock::time_point now) const;
  static std::size_t tell(const std::vector<candidate>& chosen);
  bool tell_next();
  bool part_with_next(clock::time_point now);

  mutable std::mutex mutex_; // guards what follows
  std::size_t capacity_ = 0;
  std::unordered_set<session_ptr> sessions_;
  std::size_t refused_ = 0;       // of the sessions, those that only say why
  std::vector<candidate> chosen_; // at the last look and not told yet, the next one last
  clock::time_point chosen_until_{};
  std::size_t surplus_ = 0;              // sessions over the capacity at the last look of part_with_surplus()
  parting_need need_{1};                 // of places
  clock::time_point look_at_all_from_{}; // the last one found none
  std::array<clock::time_point, waiting::reasons> look_from_{}; // by reason
};

} // namespace synclog::http
