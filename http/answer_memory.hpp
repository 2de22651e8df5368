// Answers of limited lists, kept ready for as long as their entity does not change, and single records for as
// long as they do not: the same ones are asked for by every page that shows them. Bounded in bytes, the least
// recently used goes first. Any thread.
#pragma once
#include "core/event.hpp"
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace synclog::http {

struct kept_answer {
  core::cursor change; // of the entity, or of the record: what the body shows
  std::string link;    // to the next page; "" = none
  std::string body;
  std::int64_t version = 0; // of a single record
};
using kept_answer_ptr = std::shared_ptr<const kept_answer>;

class answer_memory {
 public:
  explicit answer_memory(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Null when it is not here, or shows another state than `change`.
  kept_answer_ptr find(const std::string& key, const core::cursor& change);
  // Nothing happens when it would take more than an eighth of the room.
  void keep(std::string key, kept_answer answer);

  struct statistics {
    std::size_t answers = 0, bytes = 0;
    std::uint64_t found = 0, missed = 0;
  };
  statistics stats() const;

 private:
  struct entry {
    std::string key;
    kept_answer_ptr answer;
    std::size_t bytes = 0;
  };

  void drop(std::list<entry>::iterator which);

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<entry> entries_;                                                // the last used first
  std::unordered_map<std::string_view, std::list<entry>::iterator> by_key_; // views into entries_
  std::size_t bytes_ = 0;
  std::uint64_t found_ = 0, missed_ = 0;
};

} // namespace synclog::http
