// Counters of the request path and their collection.
#include "http/metrics.hpp"
#include "http/metric_families.hpp"
#include <algorithm>
#include <limits>
#include <map>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sstream>

namespace synclog::http {

metrics::metrics(std::span<const route> table) {
  for (const route& row : table) {
    routes_.push_back(std::make_unique<route_counters>());
    routes_.back()->pattern = row.pattern;
  }
  routes_.push_back(std::make_unique<route_counters>());
  routes_.back()->pattern = "none";
}

metrics::~metrics() = default;

void metrics::answered(const sample& what) {
  route_counters& counters = *routes_[what.route < routes_.size() ? what.route : routes_.size() - 1];
  const std::size_t status_class = std::min<std::size_t>(what.status / 100, classes - 1);
  const std::size_t verb = static_cast<std::size_t>(what.verb);
  counters.answers[verb * classes + status_class].fetch_add(1, std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(what.took).count();
  std::size_t bucket = 0;
  while (bucket < bucket_bounds_s.size() && seconds > bucket_bounds_s[bucket])
    ++bucket;
  counters.buckets[bucket].fetch_add(1, std::memory_order_relaxed);
  counters.took_ns.fetch_add(static_cast<std::uint64_t>(what.took.count()), std::memory_order_relaxed);
  if (what.body_bytes > 0) received_bytes.fetch_add(what.body_bytes, std::memory_order_relaxed);
}

void metrics::add_collector(collector more) {
  const std::lock_guard guard(collectors_mutex_);
  collectors_.push_back(std::move(more));
}

// Rows that share a pattern are one route to the reader: they differ by method.
void metrics::collect_routes(std::vector<prometheus::MetricFamily>& out) const {
  prometheus::MetricFamily requests =
      families::empty("synclog_http_requests_total", "Requests answered.", prometheus::MetricType::Counter);
  prometheus::MetricFamily durations =
      families::empty("synclog_http_request_duration_seconds",
                      "From the end of a request's head to its answer.", prometheus::MetricType::Histogram);
  std::map<std::string_view, prometheus::ClientMetric> histograms;
  for (const auto& counters : routes_) {
    for (std::size_t i = 0; i < counters->answers.size(); ++i) {
      const std::uint64_t count = counters->answers[i].load(std::memory_order_relaxed);
      if (count == 0) continue;
      prometheus::ClientMetric line =
          families::labelled({{"route", counters->pattern},
                              {"method", std::string(to_string(static_cast<method>(i / classes)))},
                              {"status", std::to_string(i % classes) + "xx"}});
      line.counter.value = static_cast<double>(count);
      requests.metric.push_back(std::move(line));
    }
    auto [at, fresh] = histograms.try_emplace(counters->pattern);
    if (fresh) {
      at->second = families::labelled({{"route", counters->pattern}});
      at->second.histogram.bucket.resize(counters->buckets.size());
    }
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < counters->buckets.size(); ++i) {
      cumulative += counters->buckets[i].load(std::memory_order_relaxed);
      auto& bucket = at->second.histogram.bucket[i];
      bucket.upper_bound =
          i < bucket_bounds_s.size() ? bucket_bounds_s[i] : std::numeric_limits<double>::infinity();
      bucket.cumulative_count += cumulative;
    }
    at->second.histogram.sample_count += cumulative;
    at->second.histogram.sample_sum +=
        static_cast<double>(counters->took_ns.load(std::memory_order_relaxed)) / 1e9;
  }
  for (auto& [pattern, line] : histograms) {
    if (line.histogram.sample_count > 0) durations.metric.push_back(std::move(line));
  }
  out.push_back(std::move(requests));
  out.push_back(std::move(durations));
}

std::vector<prometheus::MetricFamily> metrics::collect() const {
  std::vector<prometheus::MetricFamily> out;
  collect_routes(out);
  const auto gauge = [&out](const char* name, const char* help, double value) {
    out.push_back(families::gauge(name, help, value));
  };
  const auto counter = [&out](const char* name, const char* help, const std::atomic<std::uint64_t>& value) {
    out.push_back(families::counter(name, help, static_cast<double>(value.load(std::memory_order_relaxed))));
  };
  gauge("synclog_http_connections", "Open connections.", static_cast<double>(connections.load()));
  gauge("synclog_http_streams", "Open streams.", static_cast<double>(streams.load()));
  gauge("synclog_http_waiting_writes", "Writes that wait for room in their client's socket.",
        static_cast<double>(waiting_writes.load()));
  counter("synclog_http_accepted_total", "Connections accepted.", accepted);
  counter("synclog_http_refused_connections_total", "Connections over a bound, answered that or closed.",
          refused_connections);
  counter("synclog_http_accept_failures_total", "Failures to accept, such as no free descriptors.",
          accept_failures);
  counter("synclog_http_timeouts_total", "Connections cut because nothing moved in time.", timeouts);
  counter("synclog_http_aborted_answers_total", "Answers that broke off after they had begun.",
          aborted_answers);
  counter("synclog_http_stalled_cuts_total",
          "Of the connections cut, those whose client took too little of its answer; streams too.",
          stalled_cuts);
  counter("synclog_http_parted_with_total",
          "Connections closed while they waited for their client, because others needed their place.",
          parted_with);
  counter("synclog_http_received_body_bytes_total", "Bytes of request bodies.", received_bytes);
  counter("synclog_http_sent_bytes_total", "Bytes of answers, heads included.", sent_bytes);
  families::append_process(out);
  const std::lock_guard guard(collectors_mutex_);
  for (const collector& more : collectors_)
    more(out);
  return out;
}

std::string metrics::serialise(const std::vector<prometheus::MetricFamily>& families) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

std::string metrics::text() const {
  return serialise(collect());
}

} // namespace synclog::http
