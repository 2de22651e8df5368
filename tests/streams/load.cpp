// See load.hpp. Every save carries its key in a text field, so that it changes something.
#include "tests/streams/load.hpp"
#include "fault/wire.hpp"
#include "tests/streams/log_copy.hpp"
#include <chrono>
#include <fmt/format.h>

namespace synclog::tests::streams {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

namespace {

constexpr auto answer_patience = 15s;
constexpr auto settle_patience = 60s; // over servers that are killed and come back
constexpr auto retry_pause = 20ms;
constexpr std::size_t large_bytes = 70'000; // its frames need the longest form of a length
constexpr std::uint64_t most_in_bulk = 30;

constexpr std::string_view required_of(std::string_view resource) {
  if (resource == "visits") return R"("visit_date":"2026-03-04","notes":)";
  if (resource == "distributors") return R"("distributor_name":)";
  if (resource == "appointments") return R"("date":"2026-03-04","time":"10:00","full_name":)";
  if (resource == "leave-requests")
    return R"("employee_id":"E-1","start_date":"2026-03-01","end_date":"2026-03-04","employee_name":)";
  return R"("full_name":)";
}

} // namespace

std::string hot_id(std::string_view resource, std::uint64_t number) {
  return fmt::format("hot-{}-{}", resource, number);
}

struct load::writer {
  std::mt19937_64 random;
  std::string prefix;
  std::uint64_t keys = 0, ids = 0;
  std::vector<fault::wire> wires; // one a server

  std::uint64_t below(std::uint64_t bound) { return random() % bound; }
  std::string record(std::string_view resource, std::string_view mark, const load_options& options);
};

std::string load::writer::record(std::string_view resource, std::string_view mark,
                                 const load_options& options) {
  const bool is_hot = below(10) < 6;
  const auto id = is_hot ? hot_id(resource, below(hot_ids)) : fmt::format("{}-{}", prefix, ++ids);
  const auto branch_number = below(load_branches.size() * 3 + 1);
  const auto branch = branch_number == load_branches.size() * 3
                          ? std::string("null")
                          : fmt::format(R"("{}")", load_branches[branch_number % load_branches.size()]);
  auto bytes = below(2 * options.usual_bytes);
  if (options.large_one_in > 0 && below(options.large_one_in) == 0) bytes = large_bytes;
  const auto rest = resource == "distributors" ? "agreement_data" : "data";
  return fmt::format(R"({{"id":"{}","branch":{},{}"{}","{}":{{"fill":"{}"}}}})", id, branch,
                     required_of(resource), mark, rest, std::string(bytes, 'x'));
}

load::load(load_options options) : options_(std::move(options)), running_(options_.writers) {
  for (int number = 0; number < options_.writers; ++number)
    threads_.emplace_back([this, number] { work(number); });
}

load::~load() {
  stop();
}

void load::join() {
  for (auto& thread : threads_)
    thread.join();
  threads_.clear();
}

void load::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  join();
}

void load::note(std::string problem) {
  const std::lock_guard guard(mutex_);
  problems_.push_back(std::move(problem));
  stopping_ = true;
}

bool load::rest_until(clock::time_point when) {
  std::unique_lock guard(mutex_);
  return !wake_.wait_until(guard, when, [this] { return stopping_.load(); });
}

load::planned load::plan(writer& self) {
  const std::string_view resource = options_.resources[self.below(options_.resources.size())];
  const auto dice = self.below(100);
  const bool is_bulk = dice < 20;
  const auto key = fmt::format("{}-{}-{}", is_bulk ? "many" : "one", self.prefix, ++self.keys);
  const auto key_line = fmt::format("Idempotency-Key: {}\r\n", key);
  const auto target = fmt::format("/api/{}", resource);
  planned made;
  if (is_bulk) {
    made.events = 2 + self.below(most_in_bulk);
    std::string lines;
    for (std::size_t i = 0; i < made.events; ++i)
      lines += self.record(resource, fmt::format("{} {}", key, i), options_) + "\n";
    const auto prefer = dice < 5 ? "Prefer: handling=strict\r\n" : "";
    made.request = fault::make_request("POST", target,
                                       key_line + prefer + "Content-Type: application/x-ndjson\r\n", lines);
  } else if (dice < 28) {
    made.may_be_missing = true;
    made.request = fault::make_request(
        "DELETE", fmt::format("{}/{}", target, hot_id(resource, self.below(hot_ids))), key_line, "");
  } else {
    made.request = fault::make_request("POST", target, key_line + "Content-Type: application/json\r\n",
                                       self.record(resource, key, options_));
  }
  return made;
}

// Sends it until it is answered for good. False when it cannot be.
bool load::settle(writer& self, const planned& wanted) {
  const auto until = clock::now() + settle_patience;
  auto server = self.below(options_.servers);
  while (clock::now() < until) {
    fault::wire_answer answer;
    const auto came = self.wires[server].send(options_.port(server), wanted.request,
                                              clock::now() + answer_patience, answer);
    const int status = came == fault::exchange::answered ? answer.status : 0;
    if (status >= 200 && status < 300) {
      ++requests_;
      events_ += wanted.events;
      const auto position = position_of(answer.header("sync-position"));
      auto known = head_.load();
      while (position > known && !head_.compare_exchange_weak(known, position)) {
      }
      return true;
    }
    if (status == 404 && wanted.may_be_missing) return true;
    if (status != 0 && status < 500) {
      note(fmt::format("answered {}: {}", status, answer.body.substr(0, 300)));
      return false;
    }
    if (came == fault::exchange::no_answer) ++unanswered_;
    if (status >= 500) ++refused_;
    server = (server + 1) % options_.servers;
    // Not rest_until(): what has been sent is settled at the end too.
    if (came != fault::exchange::no_answer) std::this_thread::sleep_for(retry_pause);
  }
  note("a request was not settled within a minute");
  return false;
}

void load::work(int number) {
  writer self;
  self.random.seed(options_.seed * 1'000 + static_cast<std::uint64_t>(number));
  self.prefix = fmt::format("{}{}", options_.prefix, number);
  self.wires = std::vector<fault::wire>(options_.servers);
  const std::chrono::duration<double> each(options_.writers / options_.events_a_second);
  auto due = clock::now();
  while (!stopping_ && events_ < options_.events) {
    const auto wanted = plan(self);
    if (!settle(self, wanted)) break;
    // What a killed server has held up is not made good in one burst.
    due = std::max(due, clock::now() - 1s);
    due += std::chrono::duration_cast<clock::duration>(each * static_cast<double>(wanted.events));
    if (due > clock::now() && !rest_until(due)) break;
  }
  --running_;
}

std::string load::summary() const {
  return fmt::format("{} requests acknowledged with about {} events, {} unanswered, {} refused for a while",
                     requests_.load(), events_.load(), unanswered_.load(), refused_.load());
}

} // namespace synclog::tests::streams
