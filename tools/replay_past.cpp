// See replay_past.hpp.
#include "tools/replay_past.hpp"

namespace synclog::tools {

void add_replay_past(CLI::App& replay, run_command& chosen) {
  add_replay_history(replay, chosen);
  add_replay_show(replay, chosen);
  add_replay_at(replay, chosen);
  add_replay_diff(replay, chosen);
  add_replay_undo(replay, chosen);
}

} // namespace synclog::tools
