// Drives a fixed number of POSTs through the write path, in batches as 50 busy connections make them, so that
// callgrind can count its instructions (tests/bench/micro/write_path). Same input, same decisions, one
// thread; nothing waits, and no clock decides anything.
#include "bench/micro/samples.hpp"
#include "bench/micro/write_path_steps.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "http/routes.hpp"
#include "http/streams/hub.hpp"
#include "projections/read_table.hpp"
#include "projections/record_reader.hpp"
#include "projections/search_index.hpp"
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <exception>
#include <fmt/format.h>

namespace {

using namespace synclog;
using namespace synclog::tests::bench;

constexpr std::size_t records = 2'000;
constexpr std::size_t batch_records = 50;
constexpr std::size_t change_every = 10; // the others create
constexpr std::size_t max_record_bytes = 1u << 20;
constexpr core::timestamp first_moment{1'795'000'000'000'000};

std::string make_request(std::size_t number, const std::string& body) {
  return fmt::format(
      "POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux "
      "x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept: */*\r\n"
      "Accept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\n"
      "X-Request-Id: 5f0c1f2f8a5b7c11-{:06x}\r\nContent-Length: {}\r\n\r\n{}",
      number, body.size(), body);
}

// The n-th request; changes concern an early record, created at least one batch before.
std::vector<std::string> make_requests(std::size_t count) {
  sample_bodies bodies;
  std::vector<std::string> made;
  for (std::size_t number = 0; number < count; ++number) {
    const bool changes = number >= batch_records && number % change_every == 0;
    made.push_back(make_request(number, changes ? bodies.change(number / change_every) : bodies.create()));
  }
  return made;
}

// Nothing of it is started: handlers look at the definitions and the limits before the committer.
struct unstarted_services {
  boost::asio::io_context context{1};
  eventstore::pg::connect_options nowhere{};
  eventstore::pg::pool reads{context.get_executor(), nowhere, {}};
  eventstore::log_reader log{reads};
  eventstore::feed feed{context.get_executor(), log};
  projections::read_tables tables{sample_catalog()};
  eventstore::committer committer{context.get_executor(), nowhere, tables, feed};
  projections::record_reader records{reads, reads, sample_catalog()};
  projections::search_index texts{context.get_executor(), feed, reads, sample_catalog()};
  http::streams::hub hub{context.get_executor(), feed, log};
  http::services services{.entities = sample_catalog(),
                          .committer = committer,
                          .feed = feed,
                          .log = log,
                          .reads = reads,
                          .records = records,
                          .texts = texts,
                          .streams = hub,
                          .limits = {}};
};

void run() {
  unstarted_services parts;
  const http::router routes(http::all_routes());
  const http::request_guard guard({.listen_hosts = {"127.0.0.1"}, .public_urls = {}, .cors_origins = {}});
  core::chain_hasher hasher(core::uuid{});
  http::body_budget bodies{.max_bytes = 1u << 30};
  const write_path path{parts.services, routes, guard, parts.tables, hasher, bodies};

  const auto requests = make_requests(records);
  eventstore::known_log known;
  eventstore::log_head before;
  before.hash = hasher.genesis();
  before.at = core::cursor::of({1}, before.hash);
  known.expect(before);
  std::string out;
  std::size_t answered_bytes = 0, row_bytes = 0;
  for (std::size_t first = 0; first < requests.size(); first += batch_records) {
    std::vector<write_exchange> exchanges(batch_records);
    for (std::size_t index = 0; index < batch_records; ++index)
      measured_request(path, requests[first + index], exchanges[index]);
    eventstore::batch work(parts.tables, hasher, max_record_bytes);
    const auto moment = core::timestamp{first_moment.micros + static_cast<std::int64_t>(first) * 20};
    const auto rows = measured_decision(work, exchanges, known, moment);
    if (work.events().size() != batch_records) core::invariant_broken("a sample made no event");
    for (const auto& query : rows.queries())
      row_bytes += query.values.bytes();
    out.clear();
    measured_answers(work, exchanges, out);
    answered_bytes += out.size();
  }
  // What tests/bench/micro/write_path reads.
  fmt::print("records {}\nrow_bytes {}\nanswer_bytes {}\ncompiler {} {}\n", records, row_bytes,
             answered_bytes, SYNCLOG_COMPILER, SYNCLOG_BUILD_TYPE);
}

} // namespace

int main() {
  try {
    run();
  } catch (const std::exception& failed) {
    fmt::print(stderr, "bench_write_path: {}\n", failed.what());
    return EXIT_FAILURE;
  }
}
