// The commands of `replay` that look into the past, or bring it back. Each has a file of its own.
#pragma once
#include "tools/commands.hpp"

namespace synclog::tools {

void add_replay_history(CLI::App& replay, run_command& chosen);
void add_replay_show(CLI::App& replay, run_command& chosen);
void add_replay_at(CLI::App& replay, run_command& chosen);
void add_replay_diff(CLI::App& replay, run_command& chosen);
void add_replay_undo(CLI::App& replay, run_command& chosen);

} // namespace synclog::tools
