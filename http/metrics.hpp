// What the server counts, and the Prometheus text of it. The request path only touches atomics that were
// resolved beforehand; everything is put together when somebody scrapes. Thread-safe.
#pragma once
#include "http/router.hpp"
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
struct MetricFamily;
}

namespace synclog::http {

struct services;

class metrics {
 public:
  explicit metrics(std::span<const route> table);
  ~metrics();
  metrics(const metrics&) = delete;
  metrics& operator=(const metrics&) = delete;

  static constexpr std::size_t no_route = SIZE_MAX; // refused before a route was found

  struct sample {
    std::size_t route = no_route; // index into the table
    method verb = method::get;
    unsigned status = 0;
    std::chrono::nanoseconds took{};
    std::uint64_t body_bytes = 0; // received
  };
  void answered(const sample& what);

  // Gauges and counters of the connection layer; written by server and sessions.
  std::atomic<std::int64_t> connections{0}, streams{0}, waiting_writes{0};
  std::atomic<std::uint64_t> accepted{0}, refused_connections{0}, accept_failures{0}, timeouts{0},
      aborted_answers{0}, stalled_cuts{0}, parted_with{0};
  std::atomic<std::uint64_t> received_bytes{0}, sent_bytes{0};

  // Further families, asked at each scrape: for parts that the server does not know of.
  using collector = std::function<void(std::vector<prometheus::MetricFamily>&)>;
  void add_collector(collector more);

  // The text exposition format 0.0.4. Defined in service_families.cpp.
  std::string text(const services& with) const;
  // The same without what the services count.
  std::string text() const;

 private:
  static constexpr std::size_t methods = 7, classes = 6; // status / 100
  static constexpr std::array<double, 13> bucket_bounds_s{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                          0.1,    0.25,  0.5,    1.0,   2.5,  10.0};
  struct route_counters {
    std::string pattern;
    std::array<std::atomic<std::uint64_t>, methods * classes> answers{};
    std::array<std::atomic<std::uint64_t>, bucket_bounds_s.size() + 1> buckets{};
    std::atomic<std::uint64_t> took_ns{0};
  };

  std::vector<prometheus::MetricFamily> collect() const;
  void collect_routes(std::vector<prometheus::MetricFamily>& out) const;
  static std::string serialise(const std::vector<prometheus::MetricFamily>& families);

  std::vector<std::unique_ptr<route_counters>> routes_; // one a row of the table, and one for no_route
  mutable std::mutex collectors_mutex_;
  std::vector<collector> collectors_;
};

} // namespace synclog::http
