// The read tables of this server that await their rebuild: written by whoever rebuilds them, read by /readyz
// and /metrics. Any thread.
#pragma once
#include <algorithm>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

struct awaited_rebuild {
  std::string entity;
  std::string table;
  std::string last_failure; // why the last attempt did not succeed; "" = none has failed
};

class awaited_rebuilds {
 public:
  void add(std::string entity, std::string table) {
    const std::lock_guard hold(mutex_);
    awaited_.push_back({std::move(entity), std::move(table), {}});
  }
  void failed(std::string_view entity, const std::string& why) {
    const std::lock_guard hold(mutex_);
    for (awaited_rebuild& one : awaited_)
      if (one.entity == entity) one.last_failure = why;
  }
  void done(std::string_view entity) {
    const std::lock_guard hold(mutex_);
    std::erase_if(awaited_, [entity](const awaited_rebuild& one) { return one.entity == entity; });
  }
  std::vector<awaited_rebuild> all() const {
    const std::lock_guard hold(mutex_);
    return awaited_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<awaited_rebuild> awaited_;
};

} // namespace synclog::projections
