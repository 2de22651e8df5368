// Prometheus families from plain numbers, and the ones of the process and of the services. Called at each
// scrape.
#pragma once
#include <initializer_list>
#include <prometheus/metric_family.h>
#include <string>
#include <utility>
#include <vector>

namespace synclog::http {
struct services;
}

namespace synclog::http::families {

prometheus::MetricFamily empty(std::string name, std::string help, prometheus::MetricType type);
prometheus::ClientMetric labelled(std::initializer_list<std::pair<std::string, std::string>> labels);
prometheus::MetricFamily gauge(std::string name, std::string help, double value);
prometheus::MetricFamily counter(std::string name, std::string help, double value);

// Build info, resident memory, open descriptors, CPU time, start time.
void append_process(std::vector<prometheus::MetricFamily>& out);
// Committer, feed and pool.
void append_services(std::vector<prometheus::MetricFamily>& out, const services& with);
// Streams and their subscribers.
void append_streams(std::vector<prometheus::MetricFamily>& out, const services& with);

} // namespace synclog::http::families
