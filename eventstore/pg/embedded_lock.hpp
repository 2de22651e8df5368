// The locks in the data folder that let several synclog processes share one private PostgreSQL. flock: gone
// with the process, however that ends. Used by one thread at a time.
//   lock        held shared by everybody who uses the cluster; whoever gets it alone may stop it
//   start.lock  held alone while somebody starts or stops it
#pragma once
#include "core/problem.hpp"
#include <chrono>
#include <string>

namespace synclog::eventstore::pg::embedded {

class folder_lock {
 public:
  enum class mode { shared, exclusive };

  // Waits at most `patience`. The problem names the holder as the file does.
  static core::result<folder_lock> take(const std::string& path, mode how,
                                        std::chrono::milliseconds patience);

  folder_lock() = default;
  folder_lock(folder_lock&& other) noexcept;
  folder_lock& operator=(folder_lock&& other) noexcept;
  ~folder_lock();

  // From shared to alone, without waiting. On failure the shared lock is lost too, which is what somebody who
  // is leaving wants: of several that leave at once, the last one gets it.
  bool become_exclusive();
  // Writes "pid 1234 (what)" into the file, for people and for the problem above.
  void sign(const std::string& what);
  void release();

 private:
  int fd_ = -1;
};

} // namespace synclog::eventstore::pg::embedded
