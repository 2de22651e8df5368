// See bench_options.hpp.
#include "tools/bench_options.hpp"

#include "tools/load/record_ids.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <random>
#include <utility>

namespace synclog::tools {

namespace {

using core::problem_code;

constexpr std::size_t most_connections = 100'000, most_threads = 256, most_pipeline = 1'024;
constexpr std::size_t most_records = 100'000, most_limit = 10'000, readable_records = 1'000;
constexpr double longest_s = 86'400, highest_rate = 10'000'000;
constexpr unsigned most_weight = 10'000;

std::chrono::nanoseconds span_of(double seconds) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
}

std::string refuse_url(const std::string& text) {
  const auto parsed = load::parse_url(text);
  return parsed ? "" : parsed.error().detail;
}

load::operation_texts texts_of(const bench_options& options, bench_mode kind, const std::string& record) {
  load::operation_texts made;
  made.name = to_string(kind);
  made.headers = options.headers;
  made.record = record;
  made.path = "/api/" + options.entity;
  switch (kind) {
  case bench_mode::write:
    made.form = load::body_form::object;
    break;
  case bench_mode::bulk:
    made.form = options.format == "array" ? load::body_form::array : load::body_form::ndjson;
    made.records = options.size;
    break;
  case bench_mode::read:
    made.path += "/{id}";
    break;
  case bench_mode::list:
    made.path += fmt::format("?branch={{branch}}&limit={}", options.limit);
    break;
  case bench_mode::mixed:
    break;
  }
  if (!options.path.empty() && options.mode != bench_mode::mixed) made.path = options.path;
  return made;
}

core::problem refuse_mix(std::string_view part) {
  return core::make_problem(
      problem_code::bad_request,
      fmt::format("--mix: '{}' does not read name=weight; right is write=20,bulk=1,read=60,list=20 "
                  "with weights from 1 to {}",
                  part, most_weight));
}

core::result<std::vector<std::pair<bench_mode, unsigned>>> parts_of(const bench_options& options) {
  std::vector<std::pair<bench_mode, unsigned>> parts;
  if (options.mode != bench_mode::mixed) {
    parts.emplace_back(options.mode, 1);
    return parts;
  }
  std::string_view left = options.mix;
  while (!left.empty()) {
    const auto comma = left.find(',');
    const auto part = left.substr(0, comma);
    left = comma == std::string_view::npos ? std::string_view{} : left.substr(comma + 1);
    const auto equal = part.find('=');
    unsigned weight = 0;
    if (equal == std::string_view::npos) return refuse_mix(part);
    const auto [end, error] = std::from_chars(part.data() + equal + 1, part.data() + part.size(), weight);
    if (error != std::errc{} || end != part.data() + part.size() || weight == 0 || weight > most_weight)
      return refuse_mix(part);
    bool known = false;
    for (const auto kind : {bench_mode::write, bench_mode::bulk, bench_mode::read, bench_mode::list}) {
      if (part.substr(0, equal) != to_string(kind)) continue;
      parts.emplace_back(kind, weight);
      known = true;
    }
    if (!known) return refuse_mix(part);
  }
  if (parts.empty()) return refuse_mix(options.mix);
  return parts;
}

core::result<void> add_ids(const bench_options& options, const load::target_url& url, load::load_plan& plan) {
  const bool wanted = std::ranges::any_of(
      plan.operations, [](const load::operation& one) { return one.head.has(load::slot::id); });
  if (!wanted) return {};
  const auto path = options.ids_from.empty()
                        ? fmt::format("/api/{}?limit={}", options.entity, readable_records)
                        : options.ids_from;
  auto ids = load::ask_ids({url, plan.address, path, options.headers, plan.timeout});
  if (!ids) return ids.error();
  plan.ids = std::move(*ids);
  return {};
}

} // namespace

std::string_view to_string(bench_mode mode) {
  switch (mode) {
  case bench_mode::write:
    return "write";
  case bench_mode::bulk:
    return "bulk";
  case bench_mode::read:
    return "read";
  case bench_mode::list:
    return "list";
  case bench_mode::mixed:
    break;
  }
  return "mixed";
}

core::result<std::string> template_text(const bench_options& options) {
  if (options.body_template.empty()) {
    if (options.entity != "clients" && options.path.empty())
      return core::make_problem(
          problem_code::bad_request,
          fmt::format("the built-in record is a client's: give --body-template for '{}'", options.entity));
    return std::string(load::client_record());
  }
  if (!options.body_template.starts_with('@')) return options.body_template;
  const auto file = options.body_template.substr(1);
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open() || in.bad())
    return core::make_problem(problem_code::bad_request,
                              fmt::format("--body-template: cannot read {}", file));
  while (text.ends_with('\n') || text.ends_with('\r'))
    text.pop_back();
  return text;
}

core::result<load::socket_address> allowed_address(const bench_options& options,
                                                   const load::target_url& url) {
  auto address = load::resolve(url);
  if (!address) return address.error();
  if (!address->is_loopback() && !options.own_server)
    return core::make_problem(problem_code::forbidden,
                              fmt::format("{} ({}) is another machine, and load can bring a server down: add "
                                          "--i-own-this-server when it is yours",
                                          url.host, address->text()));
  return address;
}

core::result<load::load_plan> make_plan(const bench_options& options) {
  const auto url = load::parse_url(options.url);
  if (!url) return url.error();
  const auto parts = parts_of(options);
  if (!parts) return parts.error();
  load::load_plan plan;
  for (std::size_t i = 0; i < options.branches; ++i)
    plan.branches.push_back(load::branch_name(i, options.branches));
  for (const auto& [kind, weight] : *parts) {
    std::string record;
    if (kind == bench_mode::write || kind == bench_mode::bulk) {
      auto text = template_text(options);
      if (!text) return text.error();
      record = std::move(*text);
    }
    auto texts = texts_of(options, kind, record);
    texts.weight = weight;
    auto made = load::operation::make(texts, *url, plan.branches.front().size());
    if (!made) return made.error();
    plan.operations.push_back(std::move(*made));
  }
  plan.connections = options.connections;
  plan.threads = std::min(options.threads, options.connections);
  plan.pipeline = options.pipeline;
  plan.rate = options.rate;
  plan.timeout = span_of(options.timeout_s);
  plan.seed = std::random_device{}();
  const auto address = allowed_address(options, *url);
  if (!address) return address.error();
  plan.address = *address;
  if (const auto added = add_ids(options, *url, plan); !added) return added.error();
  return plan;
}

load::report_context context_of(const bench_options& options) {
  load::report_context made;
  made.mode = to_string(options.mode);
  made.url = options.url;
  made.path =
      options.mode == bench_mode::mixed ? " (" + options.mix + ")" : texts_of(options, options.mode, "").path;
  made.times = {span_of(options.warmup_s), span_of(options.duration_s)};
  return made;
}

CLI::Validator number_between(double lowest, double highest) {
  const auto refuse = [lowest, highest](const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    // Said this way, because "not a number" is less and more than nothing.
    const bool is_within =
        error == std::errc{} && end == text.data() + text.size() && value >= lowest && value <= highest;
    return is_within ? std::string()
                     : fmt::format("takes a number from {} to {}, not {}", lowest, highest, text);
  };
  return CLI::Validator(refuse, fmt::format("FLOAT in [{} - {}]", lowest, highest));
}

void add_common_bench_options(CLI::App& mode, bench_options& options) {
  mode.add_option("--url", options.url, "the server: http://host[:port][/base]")
      ->envname("SYNCLOG_BENCH_URL")
      ->check(CLI::Validator(refuse_url, ""))
      ->capture_default_str();
  mode.add_flag("--i-own-this-server", options.own_server,
                "load a host that is not this machine: only servers that are yours");
  mode.add_option("--entity", options.entity, "whose records; the built-in record is a client's")
      ->capture_default_str();
  mode.add_option("--header", options.headers, "'Name: value' for every request, repeatable; may hold places")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  mode.add_option("--threads", options.threads, "threads of the generator")
      ->check(CLI::Range(std::size_t{1}, most_threads))
      ->capture_default_str();
  mode.add_option("--duration", options.duration_s, "seconds measured")
      ->check(number_between(0.01, longest_s))
      ->capture_default_str();
  mode.add_option("--warmup", options.warmup_s, "seconds of the same load before, not counted")
      ->check(number_between(0, longest_s))
      ->capture_default_str();
  mode.add_option("--timeout", options.timeout_s, "seconds for a connection, and for an answer")
      ->check(number_between(0.01, longest_s))
      ->capture_default_str();
  mode.add_option_function<std::string>(
          "--json",
          [&options](const std::string& file) {
            options.json = true;
            options.json_file = file;
          },
          "one JSON object, on stdout instead of the text, or in FILE beside it")
      ->type_name("[FILE]")
      ->expected(0, 1);
}

void add_request_options(CLI::App& mode, bench_options& options) {
  mode.add_option("--branches", options.branches, "how many branches {branch} is drawn from: branch-00 …")
      ->check(CLI::Range(std::size_t{1}, load::most_branches))
      ->capture_default_str();
  mode.add_option("--connections", options.connections, "keep-alive connections")
      ->check(CLI::Range(std::size_t{1}, most_connections))
      ->capture_default_str();
  mode.add_option("--pipeline", options.pipeline, "requests under way on each connection")
      ->check(CLI::Range(std::size_t{1}, most_pipeline))
      ->capture_default_str();
  mode.add_option("--rate", options.rate,
                  "requests a second, all connections together; latency then counts from when each was due "
                  "(default: each connection sends when it has its answer)")
      ->check(number_between(0.001, highest_rate));
  const auto kind = options.mode;
  if (kind != bench_mode::mixed)
    mode.add_option("--path", options.path, "path and query instead of the entity's; may hold places");
  else
    mode.add_option("--mix", options.mix, "weights of write, bulk, read and list")->capture_default_str();
  const bool writes = kind == bench_mode::write || kind == bench_mode::bulk || kind == bench_mode::mixed;
  if (writes)
    mode.add_option("--body-template", options.body_template,
                    "a record with places, or @FILE (default: a client of about 350 bytes)");
  if (kind == bench_mode::bulk || kind == bench_mode::mixed) {
    mode.add_option("--size", options.size, "records of a bulk request")
        ->check(CLI::Range(std::size_t{1}, most_records))
        ->capture_default_str();
    mode.add_option("--format", options.format, "of a bulk's body: ndjson or array")
        ->check(CLI::IsMember({"ndjson", "array"}))
        ->capture_default_str();
  }
  if (kind == bench_mode::read || kind == bench_mode::mixed)
    mode.add_option("--ids-from", options.ids_from,
                    "list whose ids are read (default: the entity's newest thousand records)");
  if (kind == bench_mode::list || kind == bench_mode::mixed)
    mode.add_option("--limit", options.limit, "records of a list")
        ->check(CLI::Range(std::size_t{1}, most_limit))
        ->capture_default_str();
}

} // namespace synclog::tools
