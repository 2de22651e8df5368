// synclog replay: what audits, proves, follows and rebuilds. Each command below it has a file of its own.
#include "tools/commands.hpp"
#include <CLI/CLI.hpp>

namespace synclog::tools {

void add_replay(CLI::App& app, run_command& chosen) {
  auto* replay = app.add_subcommand("replay", "Audits, proves and follows the log");
  replay->require_subcommand(1);
  add_replay_verify(*replay, chosen);
  add_replay_checkpoint(*replay, chosen);
  add_replay_tail(*replay, chosen);
  add_replay_past(*replay, chosen);
  add_replay_export(*replay, chosen);
  add_replay_import(*replay, chosen);
  add_replay_rebuild(*replay, chosen);
}

} // namespace synclog::tools
