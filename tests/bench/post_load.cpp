// See post_load.hpp.
#include "bench/post_load.hpp"
#include "tools/load/load_run.hpp"
#include <chrono>
#include <fmt/format.h>
#include <random>
#include <stdexcept>

namespace synclog::tests::bench {

namespace {

namespace load = tools::load;

load::operation_texts posts(const post_load_options& options) {
  load::operation_texts made;
  made.name = "write";
  made.path = "/api/clients";
  made.form = load::body_form::object;
  made.record =
      R"({"id":"CLT-{uuid}","full_name":"Client {number}","phone":"+43 660 {number}","email":"c{number}@example.com",)"
      R"("gender":"f","date_of_birth":"1985-07-14","address":"Long Street 17","city":"Graz","branch":"north",)"
      R"("data":{"height":172,"weight":64,"notes":"first visit, came by herself"})";
  made.record += options.with_reference ? R"(,"reference_number":"R-{uuid}"})" : "}";
  if (options.with_key) made.headers.emplace_back("Idempotency-Key: {uuid}");
  return made;
}

} // namespace

post_load_result run_post_load(const post_load_options& options) {
  const load::target_url url{"127.0.0.1", options.port, ""};
  load::load_plan plan;
  plan.address = load::resolve(url).value();
  plan.branches = {"north"};
  plan.connections = static_cast<std::size_t>(options.connections);
  plan.timeout = std::chrono::seconds(20);
  plan.seed = std::random_device{}();
  plan.operations.push_back(load::operation::make(posts(options), url, plan.branches.front().size()).value());
  load::run_times times;
  times.warmup = {};
  times.duration = std::chrono::nanoseconds(static_cast<std::int64_t>(options.seconds * 1e9));
  const auto figures = load::run_load(plan, times, {});
  const auto total = figures.total();
  post_load_result made;
  made.acknowledged = total.status_count(201);
  made.seconds = figures.time.seconds;
  made.latency = total.latency();
  made.first_refusal = total.first_error();
  made.body_bytes = plan.operations.front().body_bytes;
  std::uint64_t broken = figures.counted.unfinished;
  for (std::size_t i = 0; i < load::failure_kinds; ++i)
    broken += total.failures(static_cast<load::failure>(i));
  if (broken > 0)
    throw std::runtime_error(
        fmt::format("the load generator lost {} requests: {}", broken, made.first_refusal));
  made.refused = total.errors() + total.succeeded() - made.acknowledged;
  return made;
}

} // namespace synclog::tests::bench
