// See schedule.hpp.
#include "fault/schedule.hpp"
#include "fault/fault_run.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <random>

namespace synclog::tests::fault {

namespace {

constexpr std::uint64_t classic_kinds = 5; // the first of fault_kind

// By hand: the order that std::shuffle makes is not the same everywhere.
void shuffle(std::vector<fault_kind>& kinds, std::mt19937_64& random) {
  for (std::size_t left = kinds.size(); left > 1; --left)
    std::swap(kinds[left - 1], kinds[random() % left]);
}

} // namespace

std::vector<fault_kind> faults_of(std::uint64_t seed, int count) {
  std::mt19937_64 random(seed ^ 0x9e3779b97f4a7c15ULL);
  std::vector<fault_kind> made{fault_kind::server, fault_kind::database};
  made.resize(static_cast<std::size_t>(std::min(count, 2)));
  while (made.size() < static_cast<std::size_t>(count))
    made.push_back(static_cast<fault_kind>(random() % classic_kinds));
  shuffle(made, random);
  return made;
}

// From a shuffled pack of all kinds, as often as it takes: every kind comes before any comes again.
std::vector<fault_kind> all_faults_of(std::uint64_t seed, int count, site_kind where) {
  std::mt19937_64 random(seed ^ 0x51ed270b1a2f4c3dULL);
  std::vector<fault_kind> pack;
  for (std::size_t number = 0; number < fault_kinds; ++number) {
    if (const auto kind = static_cast<fault_kind>(number); why_not(kind, where).empty()) pack.push_back(kind);
  }
  std::vector<fault_kind> made;
  while (made.size() < static_cast<std::size_t>(count)) {
    shuffle(pack, random);
    for (const fault_kind kind : pack) {
      const bool again = std::find(made.begin(), made.end(), kind) != made.end();
      if (made.size() < static_cast<std::size_t>(count) && !(again && kind == fault_kind::old_backup))
        made.push_back(kind);
    }
  }
  return made;
}

bool run_report::violates(std::string_view invariant) const {
  constexpr std::size_t longest_prefix = 8; // "I5/I6"
  return std::any_of(problems.begin(), problems.end(), [invariant](const std::string& sentence) {
    const auto prefix = sentence.substr(0, sentence.find(':'));
    return prefix.size() <= longest_prefix && prefix.find(invariant) != std::string::npos;
  });
}

std::string run_report::summary() const {
  std::string out = fmt::format(
      "{} operations: {} acknowledged ({} lost, {} doubled), {} refused, {} not saved, {} unknown; {} "
      "unanswered attempts, {} retried, {} replayed; {} events; faults:",
      counts.operations, counts.acknowledged, counts.lost, counts.doubled, counts.refused,
      counts.nothing_saved, counts.unknown_there + counts.unknown_absent, counts.unanswered_attempts,
      counts.retried, counts.replayed, events);
  for (const fault_done& one : faults) {
    fmt::format_to(std::back_inserter(out), " {} at {} ms, back in {} ms;", to_string(one.kind), one.at_ms,
                   one.back_ms);
  }
  return out;
}

run_report run_schedule(const run_options& options) {
  fault_run one(options);
  return one.perform();
}

} // namespace synclog::tests::fault
