#include "tools/progress_line.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>

namespace synclog::tools {

namespace {

constexpr std::chrono::milliseconds terminal_interval{100};
constexpr std::chrono::milliseconds plain_interval{5'000};

std::string duration_text(std::int64_t seconds) {
  if (seconds < 120) {
    return fmt::format("{} s", seconds);
  }
  return seconds < 7'200 ? fmt::format("{} min", seconds / 60)
                         : fmt::format("{} h {} min", seconds / 3'600, seconds % 3'600 / 60);
}

} // namespace

std::string progress_text(const stage_progress& progress) {
  if (progress.total <= 0) {
    return fmt::format("{}: {}", progress.stage, progress.done);
  }
  const auto total = std::max(progress.total, progress.done);
  auto text =
      fmt::format("{}: {} of {} ({} %)", progress.stage, progress.done, total, 100 * progress.done / total);
  if (progress.rate >= 1) {
    text += fmt::format(
        ", {:.0f}/s, {} left", progress.rate,
        duration_text(static_cast<std::int64_t>(static_cast<double>(total - progress.done) / progress.rate)));
  }
  return text;
}

progress_line::progress_line()
    : terminal_(isatty(STDERR_FILENO) == 1), stage_began_(clock::now()), shown_(stage_began_) {}

void progress_line::show(std::string_view stage, std::int64_t done, std::int64_t total) {
  const auto now = clock::now();
  if (stage != stage_) {
    stage_ = stage;
    stage_began_ = now;
    began_with_ = done;
  }
  if (now - shown_ < (terminal_ ? terminal_interval : plain_interval)) {
    return;
  }
  shown_ = now;
  const auto seconds = std::chrono::duration<double>(now - stage_began_).count();
  const double rate = seconds > 0 ? static_cast<double>(done - began_with_) / seconds : 0;
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", progress_text({stage_, done, total, rate}),
             terminal_ ? "" : "\n");
  open_ = terminal_;
}

void progress_line::close() {
  if (open_) {
    fmt::print(stderr, "\r\033[K");
    open_ = false;
  }
}

} // namespace synclog::tools
