// A few threads over one list of work, for what is spread over several database connections. The first
// failure stops the others at their next look and is thrown to the caller.
#pragma once
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace synclog::projections {

// Runs `work(job, stopping)` on `jobs` threads, this one among them, and waits for all. `stopping` turns true
// once another has failed.
inline void run_jobs(std::size_t jobs,
                     const std::function<void(std::size_t job, const std::atomic<bool>& stopping)>& work) {
  std::atomic<bool> stopping{false};
  std::exception_ptr first_failure;
  std::mutex mutex;
  const auto guarded = [&](std::size_t job) {
    try {
      work(job, stopping);
    } catch (...) {
      const std::lock_guard guard(mutex);
      if (!first_failure) first_failure = std::current_exception();
      stopping = true;
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t job = 1; job < jobs; ++job)
      others.emplace_back([&guarded, job] { guarded(job); });
    guarded(0);
  }
  if (first_failure) std::rethrow_exception(first_failure);
}

} // namespace synclog::projections
