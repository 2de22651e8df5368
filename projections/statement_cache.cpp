// The text is the key: shapes that differ in anything that matters differ in it.
#include "projections/statement_cache.hpp"
#include "core/chain.hpp"

namespace synclog::projections {

statement_cache::statement_ptr statement_cache::find_or_make(std::string sql) {
  const std::lock_guard guard(mutex_);
  if (const auto known = by_text_.find(sql); known != by_text_.end()) {
    used_.splice(used_.begin(), used_, known->second);
    return used_.front();
  }
  std::string name = "read_" + core::to_hex(core::sha256(sql)).substr(0, 32);
  used_.push_front(std::make_shared<const eventstore::pg::statement>(
      eventstore::pg::statement{std::move(name), std::move(sql)}));
  by_text_.emplace(used_.front()->sql, used_.begin());
  statement_ptr made = used_.front();
  if (used_.size() > capacity_) {
    by_text_.erase(used_.back()->sql);
    used_.pop_back();
  }
  return made;
}

std::size_t statement_cache::size() const {
  const std::lock_guard guard(mutex_);
  return used_.size();
}

} // namespace synclog::projections
