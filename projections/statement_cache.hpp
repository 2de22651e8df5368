// Prepared statements by their text: a bounded LRU. Thread-safe.
#pragma once
#include "eventstore/pg/types.hpp"
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace synclog::projections {

class statement_cache {
 public:
  using statement_ptr = std::shared_ptr<const eventstore::pg::statement>;

  explicit statement_cache(std::size_t capacity) : capacity_(capacity) {}

  // The same text always comes under the same name, also after it was dropped from here.
  statement_ptr find_or_make(std::string sql);
  std::size_t size() const;

 private:
  using order = std::list<statement_ptr>; // front = most recently used
  std::size_t capacity_;
  mutable std::mutex mutex_;
  order used_;
  std::unordered_map<std::string_view, order::iterator> by_text_; // keys live in the statements
};

} // namespace synclog::projections
