// See followers.hpp.
#include "fault/followers.hpp"
#include <array>
#include <fmt/format.h>
#include <random>

namespace synclog::tests::fault {

namespace {

constexpr std::array<const char*, 7> resources{
    "clients",   "visits",       "appointments",         "stock-requests",
    "campaigns", "distributors", "finance-cash-requests"};
constexpr std::array<const char*, 3> branches{"north", "east", "west"};
constexpr std::array<const char*, 3> actions{"created", "updated", "deleted"};
constexpr std::size_t shared_records = 20; // of requests.cpp

streams::interest some_interest(std::mt19937_64& random) {
  streams::interest made;
  switch (random() % 5) {
  case 0:
    break; // everything
  case 1:
    made.resources = {resources[random() % resources.size()], "visits"};
    break;
  case 2:
    made.branches = {branches[random() % branches.size()]};
    break;
  case 3:
    made.actions = {actions[random() % actions.size()]};
    break;
  default:
    made.ids = {fmt::format("shared-{}", random() % shared_records),
                fmt::format("shared-{}", random() % shared_records)};
  }
  return made;
}

} // namespace

followers::followers(followers_options options) {
  std::mt19937_64 random(options.seed ^ 0xf0110e5);
  settings_.port = [port = options.port](std::size_t) { return port(); };
  std::vector<streams::subscriber_options> members;
  for (int number = 0; number < options.count; ++number) {
    streams::subscriber_options one;
    one.by = number % 2 == 0 ? streams::transport::sse : streams::transport::websocket;
    one.restless = number % 4 < 2;
    one.from = number % 3 == 0 ? "" : "0";
    one.interests.push_back(options.kind == follower_kind::mixed ? some_interest(random)
                                                                 : streams::interest{});
    members.push_back(std::move(one));
  }
  swarm_ = std::make_unique<streams::swarm>(std::move(members), options.seed, settings_, 1);
}

std::size_t followers::resyncs() const {
  std::size_t told = 0;
  for (const auto& one : swarm_->members())
    for (const auto& book : one->ledgers())
      told += book->resyncs();
  return told;
}

std::vector<std::string> followers::judge(const std::vector<streams::logged>& log) {
  swarm_->stop();
  std::vector<std::string> found;
  const auto add = [&found](const std::vector<std::string>& sentences) {
    for (const auto& sentence : sentences)
      found.push_back("I7: " + sentence);
  };
  add(swarm_->differences_from(log, static_cast<std::int64_t>(log.size())));
  if (old_log_.empty()) {
    if (resyncs() > 0) found.push_back("I7: a subscriber was told to resync, and the log is the same");
  } else {
    add(swarm_->voided_differences_from(old_log_));
    if (resyncs() == 0) found.push_back("I7: no subscriber was told that the log is an older one");
  }
  return found;
}

} // namespace synclog::tests::fault
