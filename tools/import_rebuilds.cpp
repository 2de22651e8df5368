// See import_rebuilds.hpp.
#include "tools/import_rebuilds.hpp"

#include "projections/rebuild.hpp"
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <fmt/format.h>
#include <mutex>
#include <thread>

namespace synclog::tools {

namespace {

constexpr auto look_again = std::chrono::milliseconds(100);

// Carries the signal's flag to a rebuild that may be inside a long statement.
class stop_relay {
 public:
  stop_relay(const std::atomic<bool>& stop, projections::rebuild_stop& rebuild)
      : thread_([this, &stop, &rebuild](const std::stop_token& over) {
          std::unique_lock lock(mutex_);
          while (!over.stop_requested()) {
            if (stop) rebuild.request();
            wake_.wait_for(lock, over, look_again, [] { return false; });
          }
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_; // asked to end, and joined, before what it uses goes
};

// False when it waits.
bool rebuild_one(const projections::rebuild_options& how, const core::entity& definition,
                 progress_line& line) {
  try {
    const auto built =
        projections::rebuild_table(how, definition, projections::rebuild_when::when_layout_differs);
    line.close();
    if (built.rebuilt)
      fmt::print("read table {} rebuilt from the log: {} rows\n", definition.table, built.rows);
    return true;
  } catch (const eventstore::pg::unavailable&) {
    throw;
  } catch (const projections::rebuild_stopped&) {
    line.close();
    return false;
  } catch (const std::runtime_error& failed) {
    line.close();
    fmt::print(stderr, "synclog: {}\n", failed.what());
    return false;
  }
}

} // namespace

bool rebuild_after_import(const database_access& database, std::vector<const core::entity*> tables,
                          progress_line& line, const std::atomic<bool>& stop) {
  std::sort(tables.begin(), tables.end(),
            [](const core::entity* left, const core::entity* right) { return left->name < right->name; });
  projections::rebuild_stop rebuild;
  projections::rebuild_options how;
  how.conninfo = database.service_conninfo;
  how.pace = projections::default_rebuild_pace(how.conninfo, how.role);
  how.stop = &rebuild;
  how.progress = [&line](const eventstore::verify_progress& at) { line.show(at.stage, at.done, at.total); };
  const stop_relay relay(stop, rebuild);
  bool all = true;
  for (const auto* definition : tables) {
    if (!stop && rebuild_one(how, *definition, line)) continue;
    fmt::print(
        stderr,
        "synclog: read table {} does not hold the whole log and waits for its rebuild: the same import, "
        "synclog replay rebuild {} or the next start of a server makes it\n",
        definition->table, definition->name);
    all = false;
  }
  return all;
}

} // namespace synclog::tools
