// The writes beside which searches are measured: client records posted by keep-alive connections, each of
// which sends the next one as soon as its last one is acknowledged. The generator is that of `synclog bench`,
// in one thread.
#pragma once
#include "tools/load/histogram.hpp"
#include <cstdint>
#include <string>

namespace synclog::tests::bench {

struct post_load_options {
  std::uint16_t port = 0;
  int connections = 64;
  double seconds = 5;
  bool with_reference = false; // also a unique reference_number in each record
  bool with_key = false;       // an Idempotency-Key on each request
};

struct post_load_result {
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0; // any other answer
  double seconds = 0;
  tools::load::histogram latency; // of the acknowledged ones
  std::string first_refusal;
  std::size_t body_bytes = 0;

  double rate() const { return seconds > 0 ? static_cast<double>(acknowledged) / seconds : 0; }
  double percentile_ms(double share) const { return static_cast<double>(latency.percentile_ns(share)) / 1e6; }
};

// Throws std::runtime_error when a connection breaks: an acknowledged rate with losses means nothing.
post_load_result run_post_load(const post_load_options& options);

} // namespace synclog::tests::bench
