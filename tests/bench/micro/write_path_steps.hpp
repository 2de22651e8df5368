// What the processor does for POSTs of one record, from the bytes of the requests to the bytes of the
// answers, without sockets and database: the server's own functions in the server's order. The functions
// named measured_ are what tests/bench/micro/write_path counts; everything else is set-up. One thread.
#pragma once
#include "core/chain.hpp"
#include "eventstore/batch.hpp"
#include "eventstore/known_log.hpp"
#include "eventstore/pg/types.hpp"
#include "http/handlers/records_write.hpp"
#include "http/request_guard.hpp"
#include "http/request_parser.hpp"
#include "http/router.hpp"
#include "http/services.hpp"
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests::bench {

// What the server makes once. `with` is used for its definitions and limits alone.
struct write_path {
  const http::services& with;
  const http::router& routes;
  const http::request_guard& guard;
  const eventstore::inline_projection& projection;
  core::chain_hasher& hasher;
  http::body_budget& bodies;
};

// One request on its way.
struct write_exchange {
  std::unique_ptr<http::request_parser> parser;
  http::handlers::opened_write opened;
  eventstore::write_request wanted;
};

// As a session and its handler do before the committer: head, target, guard, route, body, JSON, validation.
// Aborts when the request is refused.
void measured_request(const write_path& path, std::string_view bytes, write_exchange& out);

// The committer's decisions on what it knows of the log, the chain, the parameters of the rows, and what it
// knows from then on. Aborts when something would have to be looked up.
eventstore::pg::segment measured_decision(eventstore::batch& work,
                                          const std::vector<write_exchange>& exchanges,
                                          eventstore::known_log& known, core::timestamp now);

// The events as the feed keeps them, and the answers, appended to `out`. Ends the exchanges.
void measured_answers(eventstore::batch& work, std::vector<write_exchange>& exchanges, std::string& out);

} // namespace synclog::tests::bench
