// See refusals.hpp.
#include "fault/refusals.hpp"
#include "fault/checker.hpp"
#include <fmt/format.h>

namespace synclog::tests::fault {

std::vector<std::string> check_refusals(const std::vector<operation>& operations,
                                        const std::vector<dead_time>& dead) {
  std::vector<std::string> found;
  const auto look_at = [&](const operation& done, const attempt& made) {
    const auto waited_us = made.ended_us - made.sent_us;
    if (waited_us > longest_wait_us) {
      found.push_back(fmt::format("I9: {} waited {} ms for its answer ({})", done.key, waited_us / 1'000,
                                  made.status == 0 ? "none" : std::to_string(made.status)));
    }
    if (verdict_of(made) != verdict::acknowledged) return;
    for (const dead_time& one : dead) {
      if (made.sent_us <= one.from_us || made.answered_us >= one.to_us) continue;
      found.push_back(
          fmt::format("I9: {} was sent and acknowledged within {} ms of {}, when nothing could be "
                      "committed",
                      done.key, (one.to_us - one.from_us) / 1'000, one.why));
    }
  };
  for (const operation& done : operations) {
    for (const attempt& made : done.attempts) {
      look_at(done, made);
      if (found.size() >= max_findings) return found;
    }
  }
  return found;
}

} // namespace synclog::tests::fault
