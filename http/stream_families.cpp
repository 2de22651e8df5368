// The numbers of the streams: who is connected, what they were sent and how late.
#include "http/metric_families.hpp"
#include "http/services.hpp"
#include "http/streams/hub.hpp"
#include <array>
#include <limits>
#include <string_view>

namespace synclog::http::families {
namespace {

using streams::stream_counters;

constexpr std::array<std::string_view, streams::stream_kinds> kind_names{"sse", "websocket", "live_query"};
constexpr std::array<std::string_view, streams::resume_results> start_names{"from_now", "resumed",
                                                                            "other_history", "beyond_head"};

template <class Values>
prometheus::MetricFamily counters_by(const char* name, const char* help, const char* label,
                                     std::span<const std::string_view> names, const Values& values) {
  auto family = empty(name, help, prometheus::MetricType::Counter);
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto line = labelled({{label, std::string(names[i])}});
    line.counter.value = static_cast<double>(values[i].load(std::memory_order_relaxed));
    family.metric.push_back(std::move(line));
  }
  return family;
}

prometheus::MetricFamily delays(const stream_counters& counted) {
  auto family = empty("synclog_stream_delivery_delay_seconds",
                      "From learning of an event to the end of the write that carried it; one observation a "
                      "write, for its oldest event.",
                      prometheus::MetricType::Histogram);
  auto& histogram = family.metric.emplace_back().histogram;
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < counted.delays.size(); ++i) {
    cumulative += counted.delays[i].load(std::memory_order_relaxed);
    const bool bounded = i < stream_counters::delay_bounds_s.size();
    histogram.bucket.push_back(
        {cumulative, bounded ? stream_counters::delay_bounds_s[i] : std::numeric_limits<double>::infinity()});
  }
  histogram.sample_count = cumulative;
  histogram.sample_sum = static_cast<double>(counted.delay_sum_us.load(std::memory_order_relaxed)) / 1e6;
  return family;
}

} // namespace

void append_streams(std::vector<prometheus::MetricFamily>& out, const services& with) {
  const auto& counted = with.streams.counters();
  const auto now = with.streams.stats();
  auto open = empty("synclog_streams_open", "Open streams by kind.", prometheus::MetricType::Gauge);
  for (std::size_t i = 0; i < kind_names.size(); ++i) {
    auto line = labelled({{"kind", std::string(kind_names[i])}});
    line.gauge.value = static_cast<double>(counted.open[i].load(std::memory_order_relaxed));
    open.metric.push_back(std::move(line));
  }
  out.push_back(std::move(open));
  out.push_back(counters_by("synclog_streams_opened_total", "Streams opened, by kind.", "kind", kind_names,
                            counted.opened));
  out.push_back(counters_by("synclog_stream_starts_total",
                            "Where streams started: at the head, at a cursor, or "
                            "with a cursor that is void.",
                            "result", start_names, counted.starts));
  out.push_back(gauge("synclog_stream_subscriptions", "Subscriptions; a socket may have several.",
                      static_cast<double>(now.subscribers)));
  out.push_back(gauge("synclog_stream_channels", "Different streams among them, each encoded once.",
                      static_cast<double>(now.channels)));
  out.push_back(gauge("synclog_stream_ring_bytes", "Bytes of ready frames held for them.",
                      static_cast<double>(now.ring_bytes)));
  out.push_back(counter("synclog_stream_rounds_total", "Times that subscribers were woken for new events.",
                        static_cast<double>(now.rounds)));
  const auto count = [&out](const char* name, const char* help, const std::atomic<std::uint64_t>& value) {
    out.push_back(counter(name, help, static_cast<double>(value.load(std::memory_order_relaxed))));
  };
  count("synclog_stream_events_sent_total", "Events sent, counted for each receiver.", counted.events_sent);
  count("synclog_stream_sent_bytes_total", "Bytes of frames sent.", counted.bytes_sent);
  count("synclog_stream_slow_closes_total", "Streams told bye because they were behind for too long.",
        counted.slow_closes);
  count("synclog_stream_catch_up_pages_total",
        "Pages of the feed or the log read for streams that were behind.", counted.catch_up_pages);
  out.push_back(delays(counted));
}

} // namespace synclog::http::families
