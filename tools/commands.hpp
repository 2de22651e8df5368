// The subcommands: each adds itself to the application and runs when it was chosen. Returns an exit code.
#pragma once
#include <functional>

namespace CLI {
class App;
}

namespace synclog::tools {

using run_command = std::function<int()>;

// Sets `chosen` when the subcommand is parsed.
void add_serve(CLI::App& app, run_command& chosen);
void add_migrate(CLI::App& app, run_command& chosen);
void add_replay(CLI::App& app, run_command& chosen);
void add_bench(CLI::App& app, run_command& chosen);
void add_import(CLI::App& app, run_command& chosen);
void add_token(CLI::App& app, run_command& chosen);
// Below `bench`.
void add_bench_stream(CLI::App& bench, run_command& chosen);
// Below `replay`.
void add_replay_verify(CLI::App& replay, run_command& chosen);
void add_replay_checkpoint(CLI::App& replay, run_command& chosen);
void add_replay_tail(CLI::App& replay, run_command& chosen);
void add_replay_past(CLI::App& replay, run_command& chosen); // history, show, at, diff, undo
void add_replay_export(CLI::App& replay, run_command& chosen);
void add_replay_import(CLI::App& replay, run_command& chosen);
void add_replay_rebuild(CLI::App& replay, run_command& chosen);

} // namespace synclog::tools
