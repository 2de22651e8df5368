// A run of followers with writes beside them: opens the followers, writes at the wanted pace or leaves that
// to others, and waits until what was acknowledged has come to everybody. The caller's thread waits through
// it.
#pragma once
#include "tools/load/load_run.hpp"
#include "tools/load/report.hpp"
#include "tools/load/subscribers.hpp"
#include <optional>
#include <stop_token>
#include <string>

namespace synclog::tools::load {

struct stream_figures {
  load_figures writes; // without operations when nothing was written
  subscriber_figures streams;
  double open_seconds = 0;
  double drain_seconds = 0; // from the last acknowledgement until all had come, or patience ended
  std::optional<std::uint64_t>
      expected; // deliveries of what was acknowledged; empty when nothing was written
  std::uint64_t missing() const {
    return expected && *expected > streams.received ? *expected - streams.received : 0;
  }
  // Nothing was missed, nothing came twice.
  bool complete() const { return missing() == 0 && streams.gaps == 0 && streams.repeated == 0; }
};

// How subscribers are spread: subscriber i follows branch i modulo this; 0 = everybody follows everything.
using followed_branches = std::size_t;

// `writes` has no operation when somebody else writes. A problem when the subscribers cannot be opened.
core::result<stream_figures> run_stream(const load_plan& writes, const subscription_plan& plan,
                                        followed_branches branches, const run_times& times,
                                        std::stop_token stop);

// The followers' part; text_report says what the writes did.
std::string stream_text(const report_context& context, const subscription_plan& plan,
                        followed_branches branches, const stream_figures& figures);
// The member ",\"stream\":{…}" for json_report.
std::string stream_json(const subscription_plan& plan, followed_branches branches,
                        const stream_figures& figures);

} // namespace synclog::tools::load
