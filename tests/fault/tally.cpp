// See tally.hpp.
#include "fault/tally.hpp"
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace synclog::tests::fault {

tally& tally::operator+=(const tally& more) {
  operations += more.operations;
  acknowledged += more.acknowledged;
  refused += more.refused;
  nothing_saved += more.nothing_saved;
  unanswered_attempts += more.unanswered_attempts;
  retried += more.retried;
  replayed += more.replayed;
  settled_by_retry += more.settled_by_retry;
  unknown_there += more.unknown_there;
  unknown_absent += more.unknown_absent;
  lost += more.lost;
  doubled += more.doubled;
  return *this;
}

tally count(const std::vector<operation>& operations, const std::vector<logged_event>& log) {
  std::unordered_map<std::string_view, std::size_t> events_of;
  for (const logged_event& event : log)
    ++events_of[event.key];
  tally sum;
  for (const operation& done : operations) {
    ++sum.operations;
    const auto found = events_of.find(done.key);
    const std::size_t there = found == events_of.end() ? 0 : found->second;
    bool was_in_doubt = false;
    for (const attempt& made : done.attempts) {
      const bool doubtful = verdict_of(made) == verdict::unknown;
      was_in_doubt = was_in_doubt || doubtful;
      sum.unanswered_attempts += doubtful ? 1 : 0;
      sum.replayed += made.replayed ? 1 : 0;
    }
    sum.retried += done.attempts.size() > 1 ? 1 : 0;
    switch (verdict_of(done)) {
    case verdict::acknowledged: {
      ++sum.acknowledged;
      sum.settled_by_retry += was_in_doubt ? 1 : 0;
      const std::size_t told = acknowledgement(done)->effects.size();
      sum.lost += told > there ? told - there : 0;
      sum.doubled += there > told ? there - told : 0;
      break;
    }
    case verdict::refused:
      ++sum.refused;
      sum.settled_by_retry += was_in_doubt ? 1 : 0;
      break;
    case verdict::nothing_saved:
      ++sum.nothing_saved;
      break;
    case verdict::unknown:
      ++(there > 0 ? sum.unknown_there : sum.unknown_absent);
      break;
    }
  }
  return sum;
}

std::vector<operation> without_cut(std::vector<operation> operations,
                                   const std::vector<logged_event>& old_log, std::int64_t kept_head,
                                   std::size_t& cut_acknowledged) {
  std::unordered_set<std::string_view> cut;
  for (const logged_event& event : old_log) {
    if (event.position > kept_head) cut.insert(event.key);
  }
  cut_acknowledged = 0;
  std::vector<operation> kept;
  for (operation& done : operations) {
    if (cut.contains(done.key))
      cut_acknowledged += verdict_of(done) == verdict::acknowledged ? 1 : 0;
    else
      kept.push_back(std::move(done));
  }
  return kept;
}

} // namespace synclog::tests::fault
