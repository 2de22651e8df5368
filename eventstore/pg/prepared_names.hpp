// Which statements one connection has prepared, under which names on the server: a bounded LRU. A statement
// that is prepared again gets a new server name, so that an old one can never be mistaken for it. Used on the
// connection's strand.
#pragma once
#include "eventstore/pg/types.hpp"
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace synclog::eventstore::pg {

class prepared_names {
 public:
  explicit prepared_names(std::size_t capacity) : capacity_(capacity) {}

  struct lookup {
    const char* server_name; // valid until the next call
    bool fresh;              // not prepared yet: send a Parse for it first
  };
  // Finds or makes the name; the least recently used one beyond the capacity joins evicted().
  lookup use(const std::shared_ptr<const statement>& wanted);

  // How many names were ever made: marks a moment for forget().
  std::uint64_t made() const { return made_; }

  // The name is not, or no longer, usable: the next use() prepares the statement anew. Names made after the
  // moment `made_until` stay, so that a late failure does not undo what an earlier one has mended. With
  // `on_server` the old name still exists there and joins evicted().
  enum class left_behind : std::uint8_t { nothing, on_server };
  void forget(const std::string& statement_name, std::uint64_t made_until, left_behind what);

  // Server names to DEALLOCATE. The owner takes them when there are enough and puts back what failed.
  std::vector<std::string>& evicted() { return evicted_; }
  std::size_t size() const { return by_name_.size(); }

 private:
  struct entry {
    std::shared_ptr<const statement> prepared;
    std::string server_name;
    std::uint64_t number;
  };
  using order = std::list<entry>; // front = most recently used

  std::size_t capacity_;
  std::uint64_t made_ = 0;
  order entries_;
  std::unordered_map<std::string_view, order::iterator> by_name_; // keys live in the entries' statements
  std::vector<std::string> evicted_;
};

} // namespace synclog::eventstore::pg
