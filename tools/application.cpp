// See application.hpp.
#include "tools/application.hpp"
#include "eventstore/access_rows.hpp"
#include "eventstore/statements.hpp"
#include "migrations/guard.hpp"
#include "projections/verify_tables.hpp"
#include <utility>

namespace synclog::tools {

namespace asio = boost::asio;
namespace pg = eventstore::pg;

namespace {

constexpr std::size_t short_read_connections = 2;
constexpr std::size_t whole_list_connections = 3;
constexpr std::size_t watch_connections = 1;
constexpr std::size_t access_connections = 2; // a token's event waits for the head lock

// Beside requests, which come first: one connection, whatever the processor has.
http::verify_desk::verifier verify_of(const database_access& access, const core::catalog& entities) {
  return [conninfo = access.service_conninfo, &entities](const eventstore::progress_callback& progress) {
    eventstore::verify_report report;
    eventstore::verify_options how;
    how.jobs = 1;
    eventstore::verify_log(conninfo, report, progress, how);
    if (!report.difference) projections::verify_tables(conninfo, entities, report, progress, how.jobs);
    return report;
  };
}
pg::connect_options make_connect(const database_access& access) {
  pg::connect_options made;
  made.conninfo = access.service_conninfo;
  made.application_name = "synclog serve";
  return made;
}
// Writes have deadlines of their own.
pg::connect_options reading(pg::connect_options made, const http::limits& bounds) {
  made.statement_timeout = bounds.statement_timeout;
  return made;
}
eventstore::feed_options feed_of(const http::limits& bounds) {
  eventstore::feed_options made;
  made.ring_bytes = bounds.feed_ring_bytes;
  return made;
}
projections::search_options search_of(const http::limits& bounds) {
  projections::search_options made;
  made.max_bytes = bounds.search_memory_bytes;
  return made;
}
http::streams::hub_options streams_of(const http::limits& bounds) {
  http::streams::hub_options made;
  made.ring_bytes = bounds.stream_ring_bytes;
  made.max_channels = bounds.max_channels;
  made.max_live_queries = bounds.max_live_queries;
  return made;
}
eventstore::committer_options answering_on(asio::io_context& context, const http::log_watch& watch) {
  eventstore::committer_options made;
  made.answer_on = context.get_executor();
  made.is_durable = [&watch] { return watch.is_durable(); };
  return made;
}
pg::pool_options pool_of(std::size_t connections) {
  pg::pool_options made;
  made.connections = connections;
  return made;
}

} // namespace

application::application(asio::io_context& context, asio::io_context& commit_context,
                         const database_access& access, const core::catalog& loaded,
                         application_options options)
    : entities(loaded), connect(make_connect(access)), tables(entities),
      short_reads(context.get_executor(), reading(connect, options.limits), pool_of(short_read_connections)),
      whole_reads(context.get_executor(), reading(connect, options.limits), pool_of(whole_list_connections)),
      access_writes(context.get_executor(), connect, pool_of(access_connections)),
      watch_reads(context.get_executor(), reading(connect, options.limits), pool_of(watch_connections)),
      watch(context.get_executor(), watch_reads, migrations::guard_sql, std::move(options.found)),
      log(short_reads), feed(context.get_executor(), log, feed_of(options.limits)),
      committer(commit_context.get_executor(), connect, tables, feed, answering_on(context, watch)),
      texts(context.get_executor(), feed, whole_reads, entities, search_of(options.limits)),
      records(short_reads, whole_reads, entities, &texts), answers(options.limits.answer_memory_bytes),
      listener(
          context.get_executor(), connect, eventstore::statements::head_channel, [this] { feed.hint(); },
          [this] { return committer.backend_pid(); }),
      streams(context.get_executor(), feed, log, streams_of(options.limits)),
      admin{access.service_conninfo, std::move(options.checkpoint_key),
            http::verify_desk(verify_of(access, entities))},
      services{entities,
               committer,
               feed,
               log,
               short_reads,
               records,
               texts,
               streams,
               options.limits,
               nullptr,
               options.limits.answer_memory_bytes > 0 ? &answers : nullptr} {
  services.rebuilds = &awaited;
  admin.access_writes = &access_writes;
  admin.watch = &watch;
  services.admin = &admin;
  if (options.auth == http::auth_mode::none) {
    return;
  }
  directory =
      std::make_unique<http::auth::access_directory>(context.get_executor(), short_reads, access_writes);
  directory_listener = std::make_unique<pg::listener>(
      context.get_executor(), connect, eventstore::access_channel, [this] { directory->hint(); });
  services.access = directory.get();
}

} // namespace synclog::tools
