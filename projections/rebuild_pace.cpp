// See rebuild_pace.hpp.
#include "projections/rebuild_pace.hpp"
#include "projections/page_size.hpp"
#include <algorithm>
#include <string>
#include <thread>

namespace synclog::projections {

namespace {

constexpr std::size_t gentle_page_bytes = 16u << 10; // read and written within a few milliseconds
// The longer a page took, the more: then disk or processor are in demand, and everybody else waits as well.
constexpr int rest_factor = 2, most_rest_factor = 10;
constexpr std::chrono::milliseconds slow_page{5};
constexpr std::chrono::milliseconds longest_rest{500};

} // namespace

std::size_t page_bytes_of(const rebuild_options& options) {
  return options.pace.is_gentle ? gentle_page_bytes : page_size::target_bytes;
}

// The swap's commit is waited for, so nothing before it must be. A gentle rebuild waits for each page all the
// same: whoever commits meanwhile waits for all that was written to the write-ahead log before him, and that
// should be a page, not what a second brings. What leaves PostgreSQL's buffers is sent on to the disk at
// once, too: left to the kernel it goes in one go, and a commit's fdatasync waits behind it for a quarter of
// a second.
void prepare_writing(eventstore::pg::plain_connection& db, const rebuild_options& options) {
  const bool gently = options.pace.is_gentle;
  db.run("SELECT set_config('synchronous_commit', $1, false), "
         "set_config('max_parallel_maintenance_workers', $2, false), set_config('backend_flush_after', $3, "
         "false)",
         {std::string(gently ? "on" : "off"), gently ? "0" : std::to_string(options.pace.jobs),
          std::string(gently ? "256kB" : "0")});
}

std::chrono::duration<double> rest_after(std::chrono::duration<double> took, std::size_t bytes) {
  const double pages = std::max(1.0, static_cast<double>(bytes) / gentle_page_bytes);
  const double factor =
      std::clamp<double>(rest_factor * (took / (pages * slow_page)), rest_factor, most_rest_factor);
  return std::min<std::chrono::duration<double>>(factor * took, longest_rest);
}

void page_turn::rest(std::size_t bytes) const {
  if (gentle_) std::this_thread::sleep_for(rest_after(std::chrono::steady_clock::now() - began_, bytes));
}

} // namespace synclog::projections
