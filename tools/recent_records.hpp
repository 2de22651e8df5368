// The latest version of records that passed by, so that the next one can be compared with it; bounded in
// bytes, the oldest entry goes first. One coroutine uses an object.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace synclog::tools {

class recent_records {
 public:
  explicit recent_records(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // The record at that very version; nullptr when it is not held. Valid until the next put().
  const std::string* find(std::string_view resource, std::string_view id, std::int64_t version) const {
    const auto found = held_.find(key_of(resource, id));
    return found != held_.end() && found->second.version == version ? &found->second.data : nullptr;
  }

  void put(std::string_view resource, std::string_view id, std::int64_t version, std::string_view data) {
    auto key = key_of(resource, id);
    auto& held = held_[key];
    bytes_ += data.size() - held.data.size();
    if (held.version == 0) {
      bytes_ += overhead_bytes + key.size();
      order_.push_back(std::move(key));
    }
    held = {version, std::string(data)};
    while (bytes_ > max_bytes_)
      drop_oldest();
  }

 private:
  struct entry {
    std::int64_t version = 0;
    std::string data;
  };
  static constexpr std::size_t overhead_bytes = 200;

  // A resource's name has no line break.
  static std::string key_of(std::string_view resource, std::string_view id) {
    std::string key(resource);
    key.append("\n").append(id);
    return key;
  }

  void drop_oldest() {
    const auto oldest = held_.find(order_.front());
    bytes_ -= overhead_bytes + oldest->first.size() + oldest->second.data.size();
    held_.erase(oldest);
    order_.pop_front();
  }

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::unordered_map<std::string, entry> held_;
  std::deque<std::string> order_; // by first appearance
};

} // namespace synclog::tools
