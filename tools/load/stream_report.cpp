// What a run of followers says in the end: see stream_run.hpp.
#include "core/json.hpp"
#include "tools/load/stream_run.hpp"
#include <fmt/format.h>
#include <iterator>

namespace synclog::tools::load {

namespace {

double per_second(std::uint64_t amount, const stream_figures& figures) {
  const double seconds = figures.writes.time.seconds;
  return seconds > 0 ? static_cast<double>(amount) / seconds : 0;
}

double mean_bytes(const subscriber_figures& streams) {
  return streams.delivered > 0
             ? static_cast<double>(streams.event_bytes) / static_cast<double>(streams.delivered)
             : 0;
}

std::string_view name_of(transport speaks) {
  return speaks == transport::sse ? "sse" : "ws";
}

} // namespace

std::string stream_text(const report_context& context, const subscription_plan& plan,
                        followed_branches branches, const stream_figures& figures) {
  const auto& streams = figures.streams;
  std::string out;
  auto line = std::back_inserter(out);
  fmt::format_to(line, "stream {}{}: {} subscribers ({}), opened in {:.2f} s, {}\n", context.url,
                 context.path, plan.count, name_of(plan.speaks), figures.open_seconds,
                 branches > 0 ? fmt::format("each follows one of {} branches", branches)
                              : "each follows everything");
  fmt::format_to(line, "{:<10} {:.0f} a second, {} events in {:.2f} s, {:.0f} bytes each\n", "delivered",
                 per_second(streams.delivered, figures), streams.delivered, figures.writes.time.seconds,
                 mean_bytes(streams));
  fmt::format_to(line, "  delay    {} ({})\n", latency_text(streams.delay),
                 plan.from == delay_begin::sent
                     ? "from sending the POST to having read the event"
                     : "from the event's recorded_at to having read it, by the wall clock");
  fmt::format_to(line, "  complete {} gaps, {} repeated", streams.gaps, streams.repeated);
  if (streams.unchecked > 0) fmt::format_to(line, ", {} events do not say their place", streams.unchecked);
  if (figures.expected)
    fmt::format_to(line, "; {} of {} deliveries of what was acknowledged ({} missing)", streams.received,
                   *figures.expected, figures.missing());
  out += "\n";
  if (streams.lost > 0)
    fmt::format_to(line, "  lost     {} subscribers; the first: {}\n", streams.lost, streams.first_error);
  return out;
}

std::string stream_json(const subscription_plan& plan, followed_branches branches,
                        const stream_figures& figures) {
  const auto& streams = figures.streams;
  std::string error = "null";
  if (!streams.first_error.empty()) error = core::json::quoted(streams.first_error);
  return fmt::format(
      ",\"stream\":{{\"transport\":\"{}\",\"subscribers\":{},\"branches\":{},\"open_seconds\":{:.4f},"
      "\"delivered\":{},\"delivered_per_s\":{:.2f},\"event_bytes\":{:.1f},\"delay_from\":\"{}\","
      "\"delay_ms\":{},\"received\":{},\"expected\":{},\"missing\":{},\"gaps\":{},\"repeated\":{},"
      "\"unchecked\":{},\"lost\":{},\"drain_seconds\":{:.4f},\"first_error\":{}}}",
      name_of(plan.speaks), plan.count, branches, figures.open_seconds, streams.delivered,
      per_second(streams.delivered, figures), mean_bytes(streams),
      plan.from == delay_begin::sent ? "sent" : "recorded_at", latency_json(streams.delay), streams.received,
      figures.expected ? fmt::format("{}", *figures.expected) : "null", figures.missing(), streams.gaps,
      streams.repeated, streams.unchecked, streams.lost, figures.drain_seconds, error);
}

} // namespace synclog::tools::load
