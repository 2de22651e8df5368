// One verification of log and read tables at a time, on a thread of its own, for as many readers as want to
// see it: who comes while one runs follows that one; when the last of them has left it ends. Thread-safe.
#pragma once
#include "core/clock.hpp"
#include "core/problem.hpp"
#include "eventstore/verify_log.hpp"
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace synclog::http {

class verify_desk {
 public:
  // Blocking; throws when the database cannot be reached, and whatever the callback throws.
  using verifier = std::function<eventstore::verify_report(const eventstore::progress_callback&)>;

  struct state {
    eventstore::verify_progress progress;
    std::chrono::duration<double> running{};         // since it began
    std::optional<eventstore::verify_report> report; // when it has ended
    std::optional<core::problem> failed;             // when it could not be done
    bool ended() const { return report || failed; }
  };
  struct finished {
    eventstore::verify_report report;
    core::timestamp at;
  };

  explicit verify_desk(verifier verify);
  ~verify_desk(); // as stop()
  verify_desk(const verify_desk&) = delete;
  verify_desk& operator=(const verify_desk&) = delete;

  // A reader's part in the verification that runs; leaves it on destruction.
  class watch {
   public:
    watch(watch&&) noexcept = default;
    watch& operator=(watch&&) = delete;
    ~watch();
    state look() const;

   private:
    friend class verify_desk;
    struct run;
    explicit watch(std::shared_ptr<run> followed) : run_(std::move(followed)) {}
    std::shared_ptr<run> run_;
  };
  // Begins one unless one runs. `overloaded` while one that nobody waited for any more is still ending.
  core::result<watch> join();

  bool is_running() const;
  // The last one that came to its end, since this server started.
  std::optional<finished> last() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace synclog::http
