// See failpoint.hpp.
#include "eventstore/failpoint.hpp"
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>

namespace synclog::eventstore::failpoint {

namespace {

constexpr std::array<std::string_view, max_armed> names{"before_begin", "before_commit", "after_commit",
                                                        "before_answer", "after_answer"};

struct armed_place {
  bool armed = false;
  bool kills = false;
  std::chrono::milliseconds pause{0};
  std::uint64_t at = 1; // which pass
  std::atomic<std::uint64_t> passes{0};
};

std::array<armed_place, names.size()>& places() {
  static std::array<armed_place, names.size()> all;
  return all;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// One `place=action[@n]`.
bool arm_one(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  const auto name = text.substr(0, equals);
  auto action = text.substr(equals + 1);
  std::size_t index = 0;
  while (index < names.size() && names[index] != name)
    ++index;
  if (index == names.size() || places()[index].armed) return false;
  armed_place& made = places()[index];
  if (const auto at = action.find('@'); at != std::string_view::npos) {
    const auto number = whole_number(action.substr(at + 1));
    if (!number || *number == 0) return false;
    made.at = *number;
    action = action.substr(0, at);
  }
  constexpr std::string_view pause = "pause:";
  if (action == "kill") {
    made.kills = true;
  } else if (action.starts_with(pause)) {
    const auto time = whole_number(action.substr(pause.size()));
    if (!time || *time > static_cast<std::uint64_t>(max_pause_ms)) return false;
    made.pause = std::chrono::milliseconds(*time);
  } else {
    return false;
  }
  made.armed = true;
  return true;
}

} // namespace

core::result<void> arm(std::string_view text) {
  while (true) {
    const auto comma = text.find(',');
    const auto one = text.substr(0, comma);
    if (!arm_one(one)) {
      return core::make_problem(core::problem_code::bad_request,
                                "no failpoint: '" + std::string(one) +
                                    "'; each place once, as place=kill@37 or place=pause:200@5, of "
                                    "before_begin, before_commit, after_commit, before_answer, after_answer");
    }
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  detail::any_armed = true;
  return {};
}

void detail::pass_armed(place where) {
  armed_place& here = places()[static_cast<std::size_t>(where)];
  if (!here.armed || ++here.passes != here.at) return;
  if (here.kills) kill(getpid(), SIGKILL);
  std::this_thread::sleep_for(here.pause);
}

} // namespace synclog::eventstore::failpoint
