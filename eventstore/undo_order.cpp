// See undo_order.hpp. Groups are the strongly connected components of "waits for", which Tarjan's algorithm
// (1972) gives in the order in which they can be restored: whom one waits for comes first.
#include "eventstore/undo_order.hpp"
#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace synclog::eventstore {

namespace {

using graph = std::vector<std::vector<std::size_t>>; // record -> whom it waits for

graph waits_for(std::span<const value_exchange> records) {
  std::unordered_map<std::string_view, std::size_t> holders;
  for (std::size_t index = 0; index < records.size(); ++index)
    for (const auto& value : records[index].gives)
      holders.emplace(value, index);
  graph made(records.size());
  for (std::size_t index = 0; index < records.size(); ++index)
    for (const auto& value : records[index].wants)
      if (const auto found = holders.find(value); found != holders.end() && found->second != index)
        made[index].push_back(found->second);
  return made;
}

// Without recursion: a chain may be as long as there are records.
class components {
 public:
  explicit components(const graph& edges)
      : edges_(edges), number_(edges.size(), unseen), lowest_(edges.size()), on_stack_(edges.size()) {}

  std::vector<std::vector<std::size_t>> find() {
    for (std::size_t root = 0; root < edges_.size(); ++root)
      if (number_[root] == unseen) walk(root);
    return std::move(found_);
  }

 private:
  static constexpr std::size_t unseen = std::numeric_limits<std::size_t>::max();

  struct visit {
    std::size_t record = 0, next_edge = 0;
  };

  void enter(std::size_t record) {
    number_[record] = lowest_[record] = count_++;
    stack_.push_back(record);
    on_stack_[record] = true;
    path_.push_back({record, 0});
  }

  void walk(std::size_t root) {
    enter(root);
    while (!path_.empty()) {
      const auto record = path_.back().record;
      if (path_.back().next_edge < edges_[record].size()) {
        const auto other = edges_[record][path_.back().next_edge++];
        if (number_[other] == unseen)
          enter(other);
        else if (on_stack_[other])
          lowest_[record] = std::min(lowest_[record], number_[other]);
        continue;
      }
      path_.pop_back();
      if (!path_.empty()) {
        auto& above = lowest_[path_.back().record];
        above = std::min(above, lowest_[record]);
      }
      if (lowest_[record] == number_[record]) take_component(record);
    }
  }

  void take_component(std::size_t root) {
    auto& members = found_.emplace_back();
    while (true) {
      const auto member = stack_.back();
      stack_.pop_back();
      on_stack_[member] = false;
      members.push_back(member);
      if (member == root) break;
    }
    std::sort(members.begin(), members.end());
  }

  const graph& edges_;
  std::vector<std::size_t> number_, lowest_, stack_;
  std::vector<bool> on_stack_;
  std::vector<visit> path_;
  std::vector<std::vector<std::size_t>> found_;
  std::size_t count_ = 0;
};

// Restores whom nobody holds up; where all wait, the first one gives up what it holds.
class circle {
 public:
  circle(const graph& edges, const std::vector<std::size_t>& members) : members_(members) {
    for (const auto member : members) {
      auto& count = held_up_[member];
      for (const auto other : edges[member]) {
        if (!std::binary_search(members.begin(), members.end(), other)) continue;
        ++count;
        waiting_[other].push_back(member);
      }
      if (count == 0) ready_.push_back(member);
    }
  }

  std::vector<undo_step> steps() {
    auto next = members_.begin();
    while (restored_ < members_.size()) {
      if (!ready_.empty()) {
        const auto record = ready_.back();
        ready_.pop_back();
        made_.push_back({record, undo_step::kind::restore});
        ++restored_;
        release(record);
        continue;
      }
      while (held_up_[*next] == 0 || waiting_[*next].empty())
        ++next;
      made_.push_back({*next, undo_step::kind::clear});
      release(*next);
    }
    return std::move(made_);
  }

 private:
  // Its values are free: whoever waited for it may have nobody else to wait for.
  void release(std::size_t record) {
    for (const auto other : std::exchange(waiting_[record], {}))
      if (--held_up_[other] == 0) ready_.push_back(other);
  }

  const std::vector<std::size_t>& members_;
  std::unordered_map<std::size_t, std::size_t> held_up_; // by how many values
  std::unordered_map<std::size_t, std::vector<std::size_t>> waiting_;
  std::vector<std::size_t> ready_;
  std::vector<undo_step> made_;
  std::size_t restored_ = 0;
};

} // namespace

std::vector<std::vector<undo_step>> undo_order(std::span<const value_exchange> records) {
  const auto edges = waits_for(records);
  std::vector<std::vector<undo_step>> groups;
  for (const auto& members : components(edges).find())
    groups.push_back(circle(edges, members).steps());
  return groups;
}

} // namespace synclog::eventstore
