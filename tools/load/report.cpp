// See report.hpp.
#include "tools/load/report.hpp"

#include "core/json.hpp"
#include <array>
#include <cstdlib>
#include <fmt/format.h>
#include <iterator>
#include <thread>
#include <utility>

namespace synclog::tools::load {

namespace {

constexpr double busy_share = 0.9;

double ms(std::int64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

double per_second(double amount, const load_figures& figures) {
  return figures.time.seconds > 0 ? amount / figures.time.seconds : 0;
}

unsigned machine_cores() {
  return std::max(1U, std::thread::hardware_concurrency());
}

double generator_cores(const load_figures& figures) {
  return figures.time.cpu_span_seconds > 0 ? figures.time.cpu_seconds / figures.time.cpu_span_seconds : 0;
}

double load_average() {
  double minute = 0;
  return getloadavg(&minute, 1) == 1 ? minute : 0;
}

std::string statuses_json(const tally& counted, bool successes) {
  std::string out = "{";
  for (int status = tally::lowest_status; status <= tally::highest_status + 1; ++status) {
    const auto count = counted.status_count(status);
    if (count == 0 || tally::is_success(status) != successes) continue;
    if (out.size() > 1) out.push_back(',');
    fmt::format_to(std::back_inserter(out), "\"{}\":{}", status, count);
  }
  return out + "}";
}

std::string errors_json(const tally& counted) {
  std::string out =
      fmt::format("{{\"total\":{},\"status\":{}", counted.errors(), statuses_json(counted, false));
  for (std::size_t i = 0; i < failure_kinds; ++i) {
    const auto kind = static_cast<failure>(i);
    fmt::format_to(std::back_inserter(out), ",\"{}\":{}", to_string(kind), counted.failures(kind));
  }
  out += ",\"first\":";
  if (counted.first_error().empty())
    out += "null";
  else
    core::json::append_string(out, counted.first_error());
  return out + "}";
}

// The members that an operation and the whole run have alike.
std::string counted_json(const tally& counted, const load_figures& figures) {
  return fmt::format("\"ok\":{},\"rate\":{:.2f},\"records\":{},\"records_per_s\":{:.2f},\"statuses\":{},"
                     "\"latency_ms\":{},\"late\":{},\"errors\":{}",
                     counted.succeeded(), per_second(static_cast<double>(counted.succeeded()), figures),
                     counted.records(), per_second(static_cast<double>(counted.records()), figures),
                     statuses_json(counted, true), latency_json(counted.latency()), counted.late,
                     errors_json(counted));
}

std::string errors_text(const tally& counted) {
  if (counted.errors() == 0) return "none";
  std::string out = fmt::format("{}:", counted.errors());
  for (int status = tally::lowest_status; status <= tally::highest_status + 1; ++status)
    if (counted.status_count(status) > 0 && !tally::is_success(status))
      fmt::format_to(std::back_inserter(out), " {} ×{}", status, counted.status_count(status));
  for (std::size_t i = 0; i < failure_kinds; ++i) {
    const auto kind = static_cast<failure>(i);
    if (counted.failures(kind) > 0)
      fmt::format_to(std::back_inserter(out), " {} ×{}", to_string(kind), counted.failures(kind));
  }
  return out + "; the first: " + counted.first_error();
}

void append_operation(std::string& out, const operation& kind, const tally& counted,
                      const load_figures& figures) {
  auto line = std::back_inserter(out);
  fmt::format_to(line, "{:<10} {:.1f} a second, {} in {:.2f} s", kind.name,
                 per_second(static_cast<double>(counted.succeeded()), figures), counted.succeeded(),
                 figures.time.seconds);
  if (kind.records > 1)
    fmt::format_to(line, "; {:.0f} records a second",
                   per_second(static_cast<double>(counted.records()), figures));
  if (kind.body_bytes > 0) fmt::format_to(line, "; {} bytes a body", kind.body_bytes);
  if (counted.late > 0 && counted.succeeded() == 0)
    fmt::format_to(line, "; {} answered after the end", counted.late);
  fmt::format_to(line, "\n  latency  {}\n  errors   {}\n", latency_text(counted.latency()),
                 errors_text(counted));
}

std::string generator_text(const load_figures& figures) {
  const double cores = generator_cores(figures);
  std::string out = fmt::format(
      "{:<10} {:.2f} of {} cores ({:.0f} %), busiest thread {:.0f} %, load average {:.1f}\n", "generator",
      cores, machine_cores(), 100 * cores / machine_cores(), 100 * figures.busiest_thread, load_average());
  if (figures.busiest_thread > busy_share)
    out += "           a thread of the generator was busy all the time and may be what was measured: more "
           "--threads\n";
  return out;
}

} // namespace

std::string latency_json(const histogram& took) {
  return fmt::format(
      "{{\"count\":{},\"min\":{:.4f},\"mean\":{:.4f},\"p50\":{:.4f},\"p90\":{:.4f},\"p99\":{:.4f},"
      "\"p999\":{:.4f},\"max\":{:.4f}}}",
      took.count(), ms(took.min_ns()), took.mean_ns() / 1e6, ms(took.percentile_ns(0.5)),
      ms(took.percentile_ns(0.9)), ms(took.percentile_ns(0.99)), ms(took.percentile_ns(0.999)),
      ms(took.max_ns()));
}

std::string latency_text(const histogram& took) {
  if (took.count() == 0) return "nothing to say";
  return fmt::format("p50 {:.3f}  p90 {:.3f}  p99 {:.3f}  p99.9 {:.3f}  max {:.3f} ms",
                     ms(took.percentile_ns(0.5)), ms(took.percentile_ns(0.9)), ms(took.percentile_ns(0.99)),
                     ms(took.percentile_ns(0.999)), ms(took.max_ns()));
}

std::string text_report(const report_context& context, const load_plan& plan, const load_figures& figures) {
  if (plan.operations.empty()) return generator_text(figures);
  std::string out;
  auto line = std::back_inserter(out);
  fmt::format_to(line, "{} {}{}: {} connections, {} thread{}, ", context.mode, context.url, context.path,
                 plan.connections, plan.threads, plan.threads == 1 ? "" : "s");
  if (plan.pipeline > 1) fmt::format_to(line, "{} requests under way on each, ", plan.pipeline);
  if (plan.is_open_loop())
    fmt::format_to(line, "{} requests a second wanted (latency from the moment each was due)\n", plan.rate);
  else
    out += "closed loop (each sends when it has its answer)\n";
  for (std::size_t i = 0; i < plan.operations.size(); ++i)
    append_operation(out, plan.operations[i], figures.counted.operations[i], figures);
  const auto& counted = figures.counted;
  fmt::format_to(line, "{:<10} {:.2f} MB/s sent, {:.2f} MB/s received\n", "bytes",
                 per_second(static_cast<double>(counted.bytes_sent) / 1e6, figures),
                 per_second(static_cast<double>(counted.bytes_received) / 1e6, figures));
  if (counted.unsent > 0) {
    const auto total = figures.total();
    const bool was_away = total.failures(failure::connect_refused) > 0 ||
                          total.failures(failure::connect_timeout) > 0 ||
                          total.failures(failure::connect_other) > 0;
    fmt::format_to(line,
                   "{:<10} {} that were due found no free connection: {}; the latencies are lower bounds\n",
                   "unsent", counted.unsent,
                   was_away ? "connections could not be had all the time"
                            : "the rate is too high for the server or the connections too few");
  }
  if (counted.unfinished > 0)
    fmt::format_to(line, "{:<10} {} were still under way when the run ended\n", "unfinished",
                   counted.unfinished);
  if (figures.time.interrupted) out += "interrupted: figures so far\n";
  return out + generator_text(figures);
}

std::string json_report(const report_context& context, const load_plan& plan, const load_figures& figures,
                        std::string_view more) {
  const auto seconds = [](std::chrono::nanoseconds span) {
    return std::chrono::duration<double>(span).count();
  };
  const auto total = figures.total();
  const auto& counted = figures.counted;
  std::string out = "{\"mode\":" + core::json::quoted(context.mode) +
                    ",\"url\":" + core::json::quoted(context.url) +
                    ",\"path\":" + core::json::quoted(context.path);
  auto tail = std::back_inserter(out);
  fmt::format_to(
      tail,
      ",\"loop\":\"{}\",\"rate_wanted\":{},\"connections\":{},\"threads\":{},\"pipeline\":{},"
      "\"warmup_seconds\":{:.3f},\"duration_seconds\":{:.3f},\"seconds\":{:.4f},\"interrupted\":{},",
      plan.is_open_loop() ? "open" : "closed", plan.is_open_loop() ? fmt::format("{}", plan.rate) : "null",
      plan.connections, plan.threads, plan.pipeline, seconds(context.times.warmup),
      seconds(context.times.duration), figures.time.seconds, figures.time.interrupted);
  out += counted_json(total, figures);
  fmt::format_to(
      tail,
      ",\"body_bytes\":{},\"bytes_sent\":{},\"bytes_received\":{},\"unsent\":{},\"unfinished\":{},"
      "\"generator\":{{\"cpu_seconds\":{:.4f},\"cores\":{:.4f},\"machine_cores\":{},\"machine_share\":{:.4f},"
      "\"busiest_thread\":{:.4f},\"load_average\":{:.2f}}},\"operations\":{{",
      plan.operations.empty() ? 0 : plan.operations.front().body_bytes, counted.bytes_sent,
      counted.bytes_received, counted.unsent, counted.unfinished, figures.time.cpu_seconds,
      generator_cores(figures), machine_cores(), generator_cores(figures) / machine_cores(),
      figures.busiest_thread, load_average());
  for (std::size_t i = 0; i < plan.operations.size(); ++i)
    fmt::format_to(tail, "{}{}:{{{}}}", i > 0 ? "," : "", core::json::quoted(plan.operations[i].name),
                   counted_json(counted.operations[i], figures));
  out += "}";
  out += more;
  return out + "}";
}

} // namespace synclog::tools::load
