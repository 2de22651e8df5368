// synclog serve: finds or starts the database, brings it up to date, serves until a signal, and shuts down in
// order.
#include "eventstore/failpoint.hpp"
#include "http/auth/authenticate.hpp"
#include "http/metrics.hpp"
#include "http/routes.hpp"
#include "http/server.hpp"
#include "migrations/guard.hpp"
#include "tools/application.hpp"
#include "tools/checkpoint_files.hpp"
#include "tools/commands.hpp"
#include "tools/database_access.hpp"
#include "tools/demo.hpp"
#include "tools/exit_codes.hpp"
#include "tools/hangups.hpp"
#include "tools/limit_options.hpp"
#include "tools/log_access.hpp"
#include "tools/outdated_files.hpp"
#include "tools/pending_rebuilds.hpp"
#include "tools/run_context.hpp"
#include "tools/tls_options.hpp"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <deque>
#include <fmt/format.h>
#include <memory>
#include <spdlog/spdlog.h>
#include <thread>
#include <vector>

namespace synclog::tools {

namespace asio = boost::asio;
namespace pg = eventstore::pg;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr auto start_deadline = 15s;
constexpr auto shutdown_time = 8s; // the promise is 10 s; the database needs some of it to stop

struct serve_options {
  database_options database;
  http::server_options server;
  tls_options tls;
  http::limits limits;
  std::vector<std::string> listen{"127.0.0.1:8080"};
  std::string entities_dir;
  std::string checkpoint_key;
  std::string failpoints;
  std::string auth = "none";
  bool demo = false;
  unsigned threads = 0;
};

// Brings a database up to date, or refuses it with the fix. Migrates by itself where that was said: in a
// private one, and where the owner was named for it.
core::result<void> prepare_schema(database_access& access, const database_options& options) {
  if (access.cluster || !options.owner_url.empty()) {
    const auto done = bring_up_to_date(access);
    if (!done) {
      return done.error();
    }
    for (const auto& name : *done) {
      spdlog::info("migrated: {}", name);
    }
  }
  if (const auto fits = check_schema(access); !fits) {
    return fits.error();
  }
  return migrations::check_durability(access.service_conninfo);
}

asio::awaitable<void> start(application& app, http::server& server, bool demo) {
  const auto until = pg::clock::now() + start_deadline;
  co_await app.feed.start(until);
  app.texts.start();
  app.streams.start();
  app.committer.start();
  app.watch.start();
  // Whoever reads "listening" may ask /readyz at once, so the committer has its connection before that.
  asio::steady_timer look(co_await asio::this_coro::executor);
  while (!app.committer.stats().connected && pg::clock::now() < until) {
    look.expires_after(5ms);
    co_await look.async_wait(asio::use_awaitable);
  }
  if (demo) {
    const auto head = app.feed.head().position;
    const auto loaded = co_await load_demo(app.entities, app.committer, head);
    if (!loaded) {
      throw std::runtime_error("the samples of --demo could not be saved: " + loaded.error().detail);
    }
    if (*loaded > 0) {
      spdlog::info("saved {} sample records", *loaded);
    }
  }
  if (app.directory) {
    app.directory->start([&server] { server.access_changed(); });
  }
  server.start();
}

// Stop accepting, readyz red, finish what is in flight, close streams with bye; then the committer, the feed,
// the pools.
asio::awaitable<void> shut_down(application& app, http::server& server) {
  const auto until = pg::clock::now() + shutdown_time;
  spdlog::info("shutting down");
  // Together: requests that wait in the committer keep their sessions open, and only the drain can end them
  // in time.
  auto stopped = server.stop(until - 2s);
  auto drained = app.committer.drain(until - 3s);
  co_await (std::move(stopped) && std::move(drained));
  co_await app.listener.stop();
  if (app.directory) {
    co_await app.directory_listener->stop();
    co_await app.directory->stop();
  }
  co_await app.watch.stop();
  auto streams_stopped = app.streams.stop();
  auto texts_stopped = app.texts.stop();
  co_await (std::move(streams_stopped) && std::move(texts_stopped));
  co_await app.feed.stop();
  co_await app.short_reads.stop();
  co_await app.whole_reads.stop();
  co_await app.access_writes.stop();
  co_await app.watch_reads.stop();
}

asio::awaitable<void> serve_until_signal(application& app, http::server& server, asio::io_context& context,
                                         const serve_options& options) {
  asio::signal_set signals(context, SIGINT, SIGTERM);
  hangups hung_up(context, options.server.tls);
  co_await start(app, server, options.demo);
  const auto by = options.server.tls ? http::scheme::https : http::scheme::http;
  for (const auto& endpoint : server.endpoints()) {
    fmt::print("listening on {}\n", http::url_of(endpoint, by));
  }
  std::fflush(stdout);
  auto told_to_end = signals.async_wait(asio::use_awaitable);
  auto left_alone = hung_up.watch();
  co_await (std::move(told_to_end) || std::move(left_alone));
  // A second signal ends the process at once: what was acknowledged is safe in the log.
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  signals.cancel();
  signals.clear();
  co_await shut_down(app, server);
}

// Only where nobody from outside is served, and never quietly.
bool arm_failpoints(const serve_options& options) {
  if (http::refuse_open_listen(options.server.listen, http::auth_mode::none)) {
    fmt::print(stderr, "synclog: --failpoints is for tests: it goes with loopback addresses only\n");
    return false;
  }
  if (const auto armed = eventstore::failpoint::arm(options.failpoints); !armed) {
    fmt::print(stderr, "synclog: --failpoints: {}\n", armed.error().detail);
    return false;
  }
  spdlog::warn("FAILPOINTS ARMED: this server will stop or die on purpose: {}", options.failpoints);
  return true;
}

int run_serve(serve_options options) {
  std::signal(SIGPIPE, SIG_IGN);
  keep_hangups();
  for (const auto& text : options.listen) {
    auto address = http::parse_listen_address(text);
    if (!address) {
      fmt::print(stderr, "synclog: --listen: {}\n", address.error().detail);
      return exit_usage;
    }
    options.server.listen.push_back(std::move(*address));
  }
  options.server.auth = options.auth == "token" ? http::auth_mode::token : http::auth_mode::none;
  if (const auto refused = http::refuse_open_listen(options.server.listen, options.server.auth)) {
    fmt::print(stderr, "synclog: {}\n", *refused);
    return exit_usage;
  }
  if (auto identity = load_identity(options.tls); !identity) {
    fmt::print(stderr, "synclog: {}\n", identity.error().detail);
    return exit_usage;
  } else {
    options.server.tls = std::move(*identity);
  }
  if (!options.failpoints.empty() && !arm_failpoints(options)) {
    return exit_usage;
  }
  // Before anything is started: a folder with a mistake in it needs no database.
  if (const auto own = core::catalog::load(options.entities_dir); !own) {
    return report_problem(own.error());
  }
  std::optional<core::private_key> checkpoint_key;
  if (!options.checkpoint_key.empty()) {
    const auto loaded = load_private_key(options.checkpoint_key);
    if (!loaded) {
      report_problem(loaded.error());
      return exit_usage;
    }
    checkpoint_key = *loaded;
  }
  auto access = open_database(options.database);
  if (!access) {
    return report_problem(access.error());
  }
  fmt::print("synclog {} on {}\n", SYNCLOG_VERSION, access->description);
  if (access->cluster) {
    fmt::print("shell: {}\n", access->cluster->urls().shell);
  }
  std::fflush(stdout);
  if (const auto ready = prepare_schema(*access, options.database); !ready) {
    return report_problem(ready.error());
  }
  auto guard = migrations::look_at_guard(access->service_conninfo);
  if (!guard) {
    return report_problem(guard.error());
  }
  const auto entities = load_definitions(options.entities_dir, *access);
  if (!entities) {
    return report_problem(entities.error());
  }
  for (const auto& sentence : outdated_files(options.entities_dir, *entities)) {
    spdlog::warn("{}", sentence);
  }
  projections::rebuild_options rebuilding;
  rebuilding.conninfo = access->service_conninfo;
  rebuilding.pace = projections::gentle_pace; // requests come first
  std::vector<const core::entity*> pending;
  try {
    auto prepared = projections::prepare_serving(access->service_conninfo, "", *entities);
    for (const auto& sentence : prepared.done) {
      spdlog::info("{}", sentence);
    }
    pending = std::move(prepared.pending);
  } catch (const pg::unavailable& failed) {
    return report_problem(core::make_problem(core::problem_code::database_unavailable, failed.what()));
  }
  if (access->cluster) {
    access->cluster->supervise([](const std::string& sentence) { spdlog::warn("{}", sentence); });
  }

  const unsigned threads =
      options.threads > 0 ? options.threads : std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
  // Connections are spread over lanes, each with one thread: a request that needs nothing else passes no
  // thread on. Beside them, half as many threads for everything else: the database's connections, the feed,
  // fan-out.
  const unsigned shared_threads = std::max(1u, threads / 2);
  int code = exit_ok;
  {
    asio::io_context context(static_cast<int>(shared_threads));
    asio::io_context commit_context(1);
    std::deque<asio::io_context> lanes;
    for (unsigned index = 0; index < threads; ++index) {
      options.server.lanes.push_back(lanes.emplace_back(1).get_executor());
    }
    application app(context, commit_context, *access, *entities,
                    {.limits = options.limits,
                     .auth = options.server.auth,
                     .checkpoint_key = checkpoint_key,
                     .found = {std::move(guard->losses), std::move(guard->powers)}});
    http::metrics counters(http::all_routes());
    // The committer has a thread of its own: what it does for a batch must not queue behind the requests of
    // the next one, or PostgreSQL waits.
    const context_thread committing(commit_context);
    std::deque<context_thread> on_lanes;
    for (auto& lane : lanes) {
      on_lanes.emplace_back(lane);
    }
    if (app.directory) {
      options.server.authenticate = http::auth::make_authenticator(*app.directory);
    }
    http::server server(context.get_executor(), options.server, app.services, counters);
    pending_rebuilds rebuilds(rebuilding, pending, app.awaited);
    rebuilds.start();
    code = run_context(context, serve_until_signal(app, server, context, options), shared_threads);
  }
  if (access->cluster) {
    access->cluster->stop();
  }
  // Whoever read the first lines may be gone since: what serve answers goes elsewhere.
  std::clearerr(stdout);
  return code;
}

} // namespace

void add_serve(CLI::App& app, run_command& chosen) {
  auto* serve = app.add_subcommand(
      "serve", "Serves the API over a database; starts a private PostgreSQL when none is named");
  const auto options = std::make_shared<serve_options>();
  add_database_options(*serve, options->database);
  options->database.when_missing = pg::missing_cluster::make;
  serve->add_option("--listen", options->listen, "address:port, repeatable (port 0: a free one)")
      ->envname("SYNCLOG_LISTEN")
      ->capture_default_str();
  serve->add_flag("--demo", options->demo, "load sample records when the log is empty")
      ->envname("SYNCLOG_DEMO");
  serve->add_option("--entities", options->entities_dir, "folder of further entity definitions (*.json)")
      ->envname("SYNCLOG_ENTITIES");
  serve
      ->add_option(
          "--threads", options->threads,
          "threads for connections (default: one a core, at most 4); half as many more serve the rest")
      ->envname("SYNCLOG_THREADS")
      ->check(CLI::Range(1, 256));
  serve
      ->add_option("--cors-origin", options->server.cors_origins,
                   "origin whose pages may call this server, repeatable")
      ->envname("SYNCLOG_CORS_ORIGIN");
  serve
      ->add_option("--public-url", options->server.public_urls,
                   "URL under which a proxy publishes this server, repeatable")
      ->envname("SYNCLOG_PUBLIC_URL");
  serve
      ->add_option("--auth", options->auth,
                   "who may call: token (see synclog token), or none: everybody, on loopback only")
      ->envname("SYNCLOG_AUTH")
      ->check(CLI::IsMember({"none", "token"}))
      ->capture_default_str();
  serve
      ->add_option("--checkpoint-key", options->checkpoint_key,
                   "PEM file of the private key that signs the checkpoints of /api/admin/checkpoints")
      ->envname("SYNCLOG_CHECKPOINT_KEY");
  // Without an environment variable: nobody gets it by mistake.
  serve->add_option("--failpoints", options->failpoints,
                    "for tests: places at which the server kills itself or pauses, as before_commit=kill@37");
  serve
      ->add_option("--trusted-proxy", options->server.trusted_proxies,
                   "address or network of a proxy whose X-Forwarded-For is believed, repeatable")
      ->envname("SYNCLOG_TRUSTED_PROXY");
  add_tls_options(*serve, options->tls);
  add_limit_options(*serve, options->limits);
  serve->callback([options, &chosen] { chosen = [options] { return run_serve(*options); }; });
}

} // namespace synclog::tools
