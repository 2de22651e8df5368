// Everything that a server works with behind its sockets, wired together: made by `synclog serve`, outlives
// the http server. Started and stopped by serve, in an order of its own.
#pragma once
#include "core/checkpoint.hpp"
#include "core/entity.hpp"
#include "eventstore/committer.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/pg/listener.hpp"
#include "eventstore/pg/pool.hpp"
#include "http/admin_services.hpp"
#include "http/answer_memory.hpp"
#include "http/auth/access_directory.hpp"
#include "http/limits.hpp"
#include "http/log_watch.hpp"
#include "http/server.hpp"
#include "http/services.hpp"
#include "http/streams/hub.hpp"
#include "projections/awaited_rebuilds.hpp"
#include "projections/read_table.hpp"
#include "projections/record_reader.hpp"
#include "projections/search_index.hpp"
#include "tools/database_access.hpp"
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

namespace synclog::tools {

struct application_options {
  http::limits limits;
  http::auth_mode auth = http::auth_mode::none;
  std::optional<core::private_key> checkpoint_key;
  http::log_findings found; // of the database's settings and rights, before serving
};

// In the order of construction; destroyed in reverse. `commit_context` is the committer's own thread.
struct application {
  application(boost::asio::io_context& context, boost::asio::io_context& commit_context,
              const database_access& access, const core::catalog& loaded, application_options options);

  const core::catalog& entities;
  eventstore::pg::connect_options connect;
  projections::read_tables tables;
  eventstore::pg::pool short_reads;
  eventstore::pg::pool whole_reads;
  eventstore::pg::pool access_writes; // beside the reads: none of them waits behind one
  eventstore::pg::pool watch_reads;   // the same the other way: a look must not wait behind requests
  http::log_watch watch;
  eventstore::log_reader log;
  eventstore::feed feed;
  eventstore::committer committer;
  projections::search_index texts;
  projections::record_reader records;
  http::answer_memory answers;
  projections::awaited_rebuilds awaited;
  eventstore::pg::listener listener;
  http::streams::hub streams;
  http::admin_services admin;
  std::unique_ptr<http::auth::access_directory> directory; // null: nobody is asked who they are
  std::unique_ptr<eventstore::pg::listener> directory_listener;
  http::services services;
};

} // namespace synclog::tools
