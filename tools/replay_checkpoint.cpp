// synclog replay checkpoint: signs what the log is now, to be kept where the database's owner cannot write.
#include "core/chain.hpp"
#include "eventstore/checkpoint_log.hpp"
#include "eventstore/verify_log.hpp"
#include "tools/checkpoint_files.hpp"
#include "tools/commands.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/log_access.hpp"
#include "tools/progress_line.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <memory>

namespace synclog::tools {

namespace {

constexpr mode_t owner_only = 0600, everybody_reads = 0644;

struct checkpoint_arguments {
  log_options log;
  std::string key, new_key, out, since, public_key;
  bool verify = false;
};

int refuse(const core::problem& why) {
  report_problem(why);
  return exit_usage;
}

// The private key to the file, the public one to stdout.
int make_key(const std::string& path) {
  const auto key = core::private_key::make();
  if (const auto written = write_new_file(path, key.pem(), owner_only); !written) {
    return report_problem(written.error());
  }
  fmt::print("{}", key.public_half().pem());
  fmt::print(stderr, "private key {} in {}; the public one above is for whoever verifies\n",
             key.public_half().id(), path);
  return exit_ok;
}

// Empty when nothing is to be proven first. Else what the proof said, its head being what is signed.
std::optional<eventstore::verify_report> proof(const checkpoint_arguments& given,
                                               const std::optional<loaded_checkpoint>& before,
                                               const std::string& conninfo) {
  if (!given.verify && !before) {
    return std::nullopt;
  }
  eventstore::verify_report report;
  progress_line line;
  const auto show = [&line](const eventstore::verify_progress& progress) {
    line.show(progress.stage, progress.done, progress.total);
  };
  if (before) {
    report.difference = before->forged ? before->forged : eventstore::differs_from(conninfo, before->about);
  }
  if (!report.difference) {
    eventstore::verify_options how;
    if (before && !given.verify) {
      how.from = before->about.position.next();
      how.known_hash = before->about.hash;
    }
    eventstore::verify_log(conninfo, report, show, how);
  }
  line.close();
  return report;
}

int sign(const checkpoint_arguments& given, const core::private_key& key,
         const std::optional<loaded_checkpoint>& before, const std::string& conninfo) {
  const auto proven = proof(given, before, conninfo);
  if (proven && proven->difference) {
    fmt::print(stderr, "{}\nnothing was signed\n", harmless(proven->difference->detail));
    return exit_difference_found;
  }
  const auto head =
      proven && proven->head.value > 0 ? std::optional(proven->head) : std::optional<core::position>();
  const auto about = eventstore::checkpoint_of(conninfo, head);
  if (!about) {
    return report_problem(about.error());
  }
  const auto hash = core::to_hex(about->hash);
  if (head && hash != proven->head_hash_hex) {
    fmt::print(stderr, "position {}: stored hash {}, and {} when it was verified\nnothing was signed\n",
               head->value, hash, proven->head_hash_hex);
    return exit_difference_found;
  }
  const auto text = core::write_checkpoint(*about, key);
  if (given.out.empty()) {
    fmt::print("{}", text);
  } else if (const auto written = write_new_file(given.out, text, everybody_reads); !written) {
    return report_problem(written.error());
  }
  fmt::print(stderr, "position {}, hash {}, signed by key {}{}\n", about->position.value, hash.substr(0, 8),
             key.public_half().id(), proven ? "" : "; the log was not verified (--verify)");
  return exit_ok;
}

int run_checkpoint(const checkpoint_arguments& given) {
  if (!given.new_key.empty()) {
    return make_key(given.new_key);
  }
  const auto key = load_private_key(given.key);
  if (!key) {
    return refuse(key.error());
  }
  std::optional<loaded_checkpoint> before;
  if (!given.since.empty()) {
    auto loaded = load_checkpoint(given.since, given.public_key);
    if (!loaded) {
      return refuse(loaded.error());
    }
    before = std::move(*loaded);
  }
  const auto work = [&given, &key, &before](log_access& log) {
    return sign(given, *key, before, log.database.service_conninfo);
  };
  return run_on_log(given.log, work);
}

} // namespace

void add_replay_checkpoint(CLI::App& replay, run_command& chosen) {
  const auto given = std::make_shared<checkpoint_arguments>();
  auto* checkpoint = replay.add_subcommand(
      "checkpoint",
      "Signs position, hash, time and id of the log (Ed25519); `replay verify --since` holds it against it");
  add_log_options(*checkpoint, given->log);
  auto* which = checkpoint->add_option_group("key");
  which->add_option("--key", given->key, "PEM file of the private key that signs");
  which->add_option("--new-key", given->new_key,
                    "makes such a file, prints its public key and signs nothing");
  which->require_option(1);
  checkpoint->add_option("--out", given->out, "a file that is not there yet, instead of stdout");
  checkpoint->add_flag("--verify", given->verify, "proves the whole log first");
  auto* since = checkpoint->add_option("--since", given->since,
                                       "an earlier checkpoint: proves first that the log extends it");
  checkpoint->add_option("--public-key", given->public_key, "PEM file: whose signature that one must have")
      ->needs(since);
  checkpoint->callback([given, &chosen] { chosen = [given] { return run_checkpoint(*given); }; });
}

} // namespace synclog::tools
