// synclog bench stream: many followers of a stream, with writes beside them.
#include "tools/bench_options.hpp"
#include "tools/bench_output.hpp"
#include "tools/commands.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/load/stream_run.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <utility>

namespace synclog::tools {

namespace {

constexpr std::size_t most_subscribers = 1'000'000, most_events = 10'000;
constexpr double highest_rate = 1e7;

struct stream_options {
  bench_options common;
  std::string transport = "sse";
  std::size_t subscribers = 1'000;
  std::size_t follow = 0;    // branches that subscribers are spread over
  std::string stream_path;   // "" = synclog's own
  std::string subscribe;     // a WebSocket's first frame; "" = synclog's own
  double events_per_s = 100; // 0 = somebody else writes
  std::size_t batch = 1;     // events of a POST
  std::size_t write_connections = 16;

  bool is_sse() const { return transport == "sse"; }
};

// "/api/events?branch={branch}", with the place filled for each branch; one text when there is no place in
// it.
core::result<std::vector<std::string>> fill_branches(const std::string& text, const stream_options& options) {
  auto parsed = load::text_template::parse(text, load::text_template::may_have::fixed_slots);
  if (!parsed) return parsed.error();
  load::fill_source source(1);
  std::vector<std::string> made;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, options.follow); ++i) {
    const auto branch = load::branch_name(i, std::max<std::size_t>(1, options.follow));
    load::fill_values values;
    values.branch = branch;
    parsed->append(made.emplace_back(), source, values);
  }
  return made;
}

std::string stream_path(const stream_options& options) {
  if (!options.stream_path.empty()) return options.stream_path;
  if (!options.is_sse()) return "/ws";
  return options.follow > 0 ? "/api/events?branch={branch}" : "/api/events";
}

std::string request_text(const stream_options& options, const load::target_url& url) {
  std::string head =
      fmt::format("GET {}{} HTTP/1.1\r\nHost: {}\r\n", url.prefix, stream_path(options), url.authority());
  for (const auto& header : options.common.headers)
    head += header + "\r\n";
  if (options.is_sse()) return head + "Accept: text/event-stream\r\n\r\n";
  return head + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

// What the writes are: the common options, with the stream's words for them.
bench_options writing(const stream_options& options) {
  auto made = options.common;
  made.mode = options.batch > 1 ? bench_mode::bulk : bench_mode::write;
  made.size = options.batch;
  made.format = "array";
  made.rate = options.events_per_s / static_cast<double>(options.batch);
  made.connections = options.write_connections;
  made.threads = 1;
  if (options.follow > 0) made.branches = options.follow;
  return made;
}

core::result<load::subscription_plan>
subscription_of(const stream_options& options, const load::target_url& url, const load::load_plan& writes) {
  load::subscription_plan made;
  made.address = writes.address;
  made.speaks = options.is_sse() ? load::transport::sse : load::transport::websocket;
  made.count = options.subscribers;
  made.threads = std::min(options.common.threads, options.subscribers);
  made.timeout = writes.timeout;
  // Without the stamp its own events cannot be told from those of others.
  auto record = template_text(writing(options));
  if (!record) return record.error();
  std::erase(*record, ' ');
  const bool is_stamped = record->find(R"("sent_ns":"{sent}")") != std::string::npos;
  made.from = options.events_per_s > 0 && is_stamped ? load::delay_begin::sent : load::delay_begin::recorded;
  auto requests = fill_branches(request_text(options, url), options);
  if (!requests) return requests.error();
  made.requests = std::move(*requests);
  const bool own = options.stream_path.empty();
  std::string first = options.subscribe;
  if (first.empty() && own && !options.is_sse())
    first = options.follow > 0 ? R"({"type":"subscribe","branch":"{branch}"})" : R"({"type":"subscribe"})";
  if (!first.empty() && !options.is_sse()) {
    auto frames = fill_branches(first, options);
    if (!frames) return frames.error();
    made.first_frames = std::move(*frames);
  }
  if (own) made.ready_mark = "caught_up";
  return made;
}

int judge(const stream_options& options, const load::stream_figures& figures) {
  const auto& streams = figures.streams;
  if (streams.lost > 0)
    fmt::print(stderr,
               "synclog: bench: {}: {} of {} subscribers were cut off and got nothing more; the first: {}\n",
               options.common.url, streams.lost, options.subscribers, harmless(streams.first_error));
  // What a subscriber that was cut off lacks says nothing of the others.
  const bool is_complete =
      streams.gaps == 0 && streams.repeated == 0 && (streams.lost > 0 || figures.missing() == 0);
  if (!is_complete) {
    fmt::print(stderr, "synclog: bench: {}: not complete: {} missing, {} gaps, {} repeated\n",
               options.common.url, figures.missing(), streams.gaps, streams.repeated);
    return exit_difference_found;
  }
  if (streams.lost > 0) return exit_failure;
  if (streams.delivered > 0) return exit_ok;
  const auto why = figures.writes.total().first_error();
  fmt::print(stderr, "synclog: bench: {}: nothing was delivered{}{}\n", options.common.url,
             why.empty() ? "" : ": ", harmless(why));
  return exit_failure;
}

int run_stream_command(const stream_options& options) {
  const auto url = load::parse_url(options.common.url);
  if (!url) return report_bench_problem(url.error());
  const auto how = writing(options);
  auto writes = make_plan(how);
  if (!writes) return report_bench_problem(writes.error());
  if (options.events_per_s <= 0) writes->operations.clear();
  const auto plan = subscription_of(options, *url, *writes);
  if (!plan) return report_bench_problem(plan.error());
  raise_descriptor_limit(options.subscribers + options.write_connections);
  const interruption ctrl_c;
  auto context = context_of(how);
  if (const auto failed = load::try_connect(writes->address, writes->timeout)) {
    report_unreachable(how, *failed);
    return exit_failure;
  }
  const auto figures = load::run_stream(*writes, *plan, options.follow, context.times, ctrl_c.token());
  if (!figures) return report_bench_problem(figures.error());
  const auto write_path = std::exchange(context.path, stream_path(options));
  auto text = load::stream_text(context, *plan, options.follow, *figures);
  context.path = write_path;
  text += load::text_report(context, *writes, figures->writes);
  context.mode = "stream";
  const auto json = load::json_report(context, *writes, figures->writes,
                                      load::stream_json(*plan, options.follow, *figures));
  if (!write_report(how, text, json)) return exit_failure;
  return judge(options, *figures);
}

} // namespace

void add_bench_stream(CLI::App& bench, run_command& chosen) {
  const auto options = std::make_shared<stream_options>();
  auto* stream = bench.add_subcommand(
      "stream", "Follows events with many subscribers while it writes, or while others do");
  add_common_bench_options(*stream, options->common);
  stream->add_option("--transport", options->transport, "sse (server-sent events) or ws (WebSocket)")
      ->check(CLI::IsMember({"sse", "ws"}))
      ->capture_default_str();
  stream->add_option("--subscribers", options->subscribers, "how many follow")
      ->check(CLI::Range(std::size_t{1}, most_subscribers))
      ->capture_default_str();
  stream
      ->add_option(
          "--branches", options->follow,
          "subscriber i follows branch i modulo this, and writes are spread over as many (default: everybody "
          "follows everything)")
      ->check(CLI::Range(std::size_t{1}, load::most_branches));
  stream
      ->add_option("--rate", options->events_per_s,
                   "events a second written by itself; 0: somebody else writes")
      ->check(number_between(0, highest_rate))
      ->capture_default_str();
  stream->add_option("--size", options->batch, "events of a POST; more than one are sent as an array")
      ->check(CLI::Range(std::size_t{1}, most_events))
      ->capture_default_str();
  stream->add_option("--connections", options->write_connections, "keep-alive connections that write")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}))
      ->capture_default_str();
  stream->add_option("--path", options->common.path,
                     "where writes go instead of the entity's path; may hold places");
  stream->add_option(
      "--body-template", options->common.body_template,
      "a record with places, or @FILE; with \"sent_ns\":\"{sent}\" in it delays count from the "
      "POST, else from recorded_at");
  stream->add_option("--stream-path", options->stream_path,
                     "what is followed instead of /api/events or /ws; may hold {branch}");
  stream->add_option("--subscribe", options->subscribe, "the first frame of a WebSocket; may hold {branch}");
  stream->callback([options, &chosen] { chosen = [options] { return run_stream_command(*options); }; });
}

} // namespace synclog::tools
