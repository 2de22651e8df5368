// See pending_rebuilds.hpp.
#include "tools/pending_rebuilds.hpp"

#include "eventstore/pg/sqlstate.hpp"
#include "projections/read_table.hpp"
#include "tools/event_line.hpp"
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace synclog::tools {

namespace pg = eventstore::pg;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds first_pause = 1s, longest_pause = 60s;
// A rebuild takes the room of the whole table: on a full disk it is not repeated each minute, and in between
// the log has what room there is.
constexpr std::chrono::milliseconds after_full_disk = 1h;
constexpr auto interrupt_again = 100ms;

} // namespace

pending_rebuilds::pending_rebuilds(projections::rebuild_options how,
                                   std::vector<const core::entity*> definitions,
                                   projections::awaited_rebuilds& awaited)
    : how_(std::move(how)), left_(std::move(definitions)), awaited_(awaited) {
  how_.stop = &stop_;
  for (const auto* definition : left_) {
    awaited_.add(definition->name, definition->table);
  }
}

pending_rebuilds::~pending_rebuilds() {
  stop();
}

void pending_rebuilds::start() {
  if (left_.empty()) {
    return;
  }
  thread_ = std::jthread([this] { run(); });
}

void pending_rebuilds::stop() {
  if (!thread_.joinable()) {
    return;
  }
  {
    std::unique_lock lock(mutex_);
    stopped_ = true;
    wake_.notify_all();
    // A statement may begin just when the others are interrupted: until the thread has ended.
    while (!ended_) {
      lock.unlock();
      stop_.request();
      lock.lock();
      wake_.wait_for(lock, interrupt_again, [this] { return ended_; });
    }
  }
  thread_.join();
}

bool pending_rebuilds::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [this] { return stopped_; });
}

void pending_rebuilds::run() {
  auto pause = first_pause;
  while (!left_.empty()) {
    disk_full_ = false;
    std::erase_if(left_, [this](const core::entity* definition) { return try_one(*definition); });
    if (left_.empty() || !wait(disk_full_ ? after_full_disk : pause)) {
      break;
    }
    pause = std::min(pause * 2, longest_pause);
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  wake_.notify_all();
}

bool pending_rebuilds::try_one(const core::entity& definition) {
  if (stop_.requested()) {
    return false;
  }
  try {
    const auto built =
        projections::rebuild_table(how_, definition, projections::rebuild_when::when_layout_differs);
    if (built.rebuilt) {
      spdlog::info("rebuilt read table {} for its new definition while it served: {} rows in {:.1f} s",
                   definition.table, built.rows, built.seconds);
    } else {
      spdlog::info("read table {} was rebuilt for its new definition by another process", definition.table);
    }
    awaited_.done(definition.name);
    return true;
  } catch (const projections::rebuild_stopped&) {
    return false;
  } catch (const projections::rebuild_busy&) {
    return false; // done, or another's turn has ended, when it is asked again
  } catch (const std::exception& failed) {
    if (const auto* query = dynamic_cast<const pg::query_failed*>(&failed)) {
      disk_full_ = disk_full_ || pg::classify(query->info().sqlstate) == pg::meaning::out_of_resources;
    }
    const auto why = harmless(failed.what());
    awaited_.failed(definition.name, why);
    spdlog::warn("read table {} serves on as it was, its rebuild is tried again: {}", definition.table, why);
    return false;
  }
}

} // namespace synclog::tools
