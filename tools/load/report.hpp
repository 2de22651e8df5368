// What a run of load says in the end: a few lines for people, one JSON object for programs. Pure but for the
// machine's load average.
#pragma once
#include "tools/load/load_run.hpp"
#include "tools/load/tally.hpp"
#include <string>
#include <string_view>

namespace synclog::tools::load {

// What was asked for.
struct report_context {
  std::string mode; // "write"
  std::string url;  // as it was given
  std::string path; // of the first operation, with its places
  run_times times;
};

// Lines with their ends. Of a plan without operations only what the generator used.
std::string text_report(const report_context& context, const load_plan& plan, const load_figures& figures);

// Without a line's end; `more` are further members, ",\"stream\":{…}" or "".
std::string json_report(const report_context& context, const load_plan& plan, const load_figures& figures,
                        std::string_view more = "");

// Parts that both kinds of run have.
std::string latency_json(const histogram& took); // {"count":…,"min":…,"p50":…} in milliseconds
std::string latency_text(const histogram& took); // "p50 1.23  p90 …"

} // namespace synclog::tools::load
