// The numbers of the process, read from /proc.
#include "http/metric_families.hpp"
#include <cstdio>
#include <ctime>
#include <dirent.h>
#include <memory>
#include <unistd.h>

namespace synclog::http::families {
namespace {

double resident_bytes() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"),
                                                             &std::fclose);
  long total = 0, resident = 0;
  if (!file || std::fscanf(file.get(), "%ld %ld", &total, &resident) != 2) return 0;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), &closedir);
  if (!folder) return 0;
  double count = -3; // "." and "..", and the one that looks
  while (readdir(folder.get()) != nullptr)
    ++count;
  return count;
}

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

const std::time_t started = std::time(nullptr);

} // namespace

prometheus::MetricFamily empty(std::string name, std::string help, prometheus::MetricType type) {
  prometheus::MetricFamily out;
  out.name = std::move(name);
  out.help = std::move(help);
  out.type = type;
  return out;
}

prometheus::ClientMetric labelled(std::initializer_list<std::pair<std::string, std::string>> labels) {
  prometheus::ClientMetric out;
  for (const auto& [name, value] : labels)
    out.label.push_back({name, value});
  return out;
}

prometheus::MetricFamily gauge(std::string name, std::string help, double value) {
  prometheus::MetricFamily out = empty(std::move(name), std::move(help), prometheus::MetricType::Gauge);
  out.metric.emplace_back().gauge.value = value;
  return out;
}

prometheus::MetricFamily counter(std::string name, std::string help, double value) {
  prometheus::MetricFamily out = empty(std::move(name), std::move(help), prometheus::MetricType::Counter);
  out.metric.emplace_back().counter.value = value;
  return out;
}

void append_process(std::vector<prometheus::MetricFamily>& out) {
  prometheus::MetricFamily build =
      empty("synclog_build_info", "The running version.", prometheus::MetricType::Gauge);
  build.metric.push_back(labelled({{"version", SYNCLOG_VERSION}}));
  build.metric.back().gauge.value = 1;
  out.push_back(std::move(build));
  out.push_back(gauge("process_resident_memory_bytes", "Resident memory.", resident_bytes()));
  out.push_back(gauge("process_open_fds", "Open file descriptors.", open_descriptors()));
  out.push_back(counter("process_cpu_seconds_total", "CPU time of user and system.", cpu_seconds()));
  out.push_back(gauge("process_start_time_seconds", "Start of the process, in seconds since 1970.",
                      static_cast<double>(started)));
}

} // namespace synclog::http::families
