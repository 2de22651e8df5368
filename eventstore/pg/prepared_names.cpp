// Names on the server are cut at 63 bytes without a word, so long ones are cut here, before the number that
// keeps them apart.
#include "eventstore/pg/prepared_names.hpp"

namespace synclog::eventstore::pg {

namespace {
constexpr std::size_t max_name_part = 40;
}

prepared_names::lookup prepared_names::use(const std::shared_ptr<const statement>& wanted) {
  const auto found = by_name_.find(wanted->name);
  if (found != by_name_.end()) {
    const auto place = found->second;
    if (place->prepared == wanted || place->prepared->sql == wanted->sql) {
      entries_.splice(entries_.begin(), entries_, place);
      return {place->server_name.c_str(), false};
    }
    // The same name with another text: the caller's cache was rebuilt. The old text is of no more use.
    forget(wanted->name, made_, left_behind::on_server);
  }
  ++made_;
  entries_.push_front({wanted, wanted->name.substr(0, max_name_part) + '~' + std::to_string(made_), made_});
  by_name_.emplace(entries_.front().prepared->name, entries_.begin());
  if (entries_.size() > capacity_) {
    entry& last = entries_.back();
    by_name_.erase(last.prepared->name);
    evicted_.push_back(std::move(last.server_name));
    entries_.pop_back();
  }
  return {entries_.front().server_name.c_str(), true};
}

void prepared_names::forget(const std::string& statement_name, std::uint64_t made_until, left_behind what) {
  const auto found = by_name_.find(statement_name);
  if (found == by_name_.end() || found->second->number > made_until) return;
  const auto place = found->second;
  by_name_.erase(found);
  if (what == left_behind::on_server) evicted_.push_back(std::move(place->server_name));
  entries_.erase(place);
}

} // namespace synclog::eventstore::pg
