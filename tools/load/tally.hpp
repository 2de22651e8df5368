// What came of the requests of one kind: how many were answered with what, how long they took, and what
// failed and how. One thread adds; tallies of several threads are merged afterwards.
#pragma once
#include "tools/load/histogram.hpp"
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace synclog::tools::load {

// Of a request that got no answer, or a connection that did not come about.
enum class failure : std::uint8_t {
  connect_refused,
  connect_timeout,
  connect_other, // no route, no descriptor …
  reset,         // ECONNRESET, EPIPE
  closed,        // the end of the stream instead of an answer
  timeout,       // no whole answer in time
  bad_answer,    // no HTTP
};
inline constexpr std::size_t failure_kinds = 7;
std::string_view to_string(failure kind); // "connect_refused"

class tally {
 public:
  // 2xx but 207 (a bulk of which some were rejected), and 304 are what was asked for; other statuses are
  // errors.
  static bool is_success(int status);

  void add_answer(int status, std::int64_t took_ns, std::uint64_t records);
  void add_failure(failure kind) { ++failures_[static_cast<std::size_t>(kind)]; }
  // Keeps the first words only, harmless to a terminal.
  void note_error(std::string_view words);
  void merge(const tally& other);

  std::uint64_t succeeded() const { return succeeded_; }
  std::uint64_t records() const { return records_; } // in requests that succeeded
  std::uint64_t status_count(int status) const;
  std::uint64_t failures(failure kind) const { return failures_[static_cast<std::size_t>(kind)]; }
  std::uint64_t errors() const;                         // wrong statuses and failures
  const histogram& latency() const { return latency_; } // of requests that succeeded
  const std::string& first_error() const { return first_error_; }

  std::uint64_t late = 0; // succeeded after the end of a closed loop: not among the others

  static constexpr int lowest_status = 100, highest_status = 599;

 private:
  std::array<std::uint64_t, highest_status - lowest_status + 2> statuses_{}; // the last: any other
  std::array<std::uint64_t, failure_kinds> failures_{};
  std::uint64_t succeeded_ = 0, records_ = 0, refused_ = 0;
  histogram latency_;
  std::string first_error_;
};

} // namespace synclog::tools::load
