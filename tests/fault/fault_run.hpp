// The inside of run_schedule(): the site, the load, the followers, and the order of things. One thread.
#pragma once
#include "fault/fault.hpp"
#include "fault/followers.hpp"
#include "fault/history.hpp"
#include "fault/refusals.hpp"
#include "fault/schedule.hpp"
#include "fault/snapshot.hpp"
#include "fault/vitals.hpp"
#include "fault/writers.hpp"
#include <fmt/format.h>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace synclog::tests::fault {

class fault_run {
 public:
  explicit fault_run(const run_options& options);
  run_report perform();

 private:
  std::unique_ptr<writers> make_load();
  bool begin(); // false when nothing gets going
  bool suffer(fault_kind kind);
  bool suffer_old_backup();
  // From heal on: the service, and then everything else, must be back in time.
  bool await_return(fault_kind kind, std::int64_t struck_us, std::chrono::steady_clock::time_point healed);
  void await_settled(fault_kind kind, std::chrono::steady_clock::time_point healed);
  void keep_backup();
  void check_in_time_of(const injected_fault& lasting, fault_kind kind, std::int64_t from_us,
                        std::int64_t to_us);
  void pass_time(std::int64_t shortest_ms, std::int64_t longest_ms);
  bool is_ready();
  bool told_to_stop() const { return options_.stop != nullptr && *options_.stop; }
  void end_load();
  void check_everything();
  void check_answers(const std::vector<operation>& operations);
  void end_in_order();
  void tell(const std::string& line) const {
    if (options_.tell) options_.tell(line);
  }
  template <class... Parts>
  void problem(fmt::format_string<Parts...> sentence, Parts&&... parts) {
    add_problem(fmt::format(sentence, std::forward<Parts>(parts)...));
  }
  void add_problem(std::string sentence);

  const run_options& options_;
  std::mt19937_64 random_;
  history kept_;
  site site_;
  std::chrono::steady_clock::time_point began_;
  std::uint64_t era_ = 0; // another one after an old backup
  std::unique_ptr<writers> load_;
  std::unique_ptr<tcp_proxy> spoiler_; // between the server and them, in a control run
  std::unique_ptr<followers> followers_;
  std::unique_ptr<open_snapshot> snapshot_;
  vitals before_;
  bool was_restored_ = false;
  std::vector<logged_event> old_log_; // before it was
  std::size_t cut_operations_ = 0;    // how many operations the history had then
  std::vector<dead_time> dead_;
  run_report report_;
};

} // namespace synclog::tests::fault
