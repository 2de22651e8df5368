// The answers to writes of single records: the record with Location, ETag and Sync-Position, or the problem;
// and the count of a delete. Pure; any thread.
#pragma once
#include "core/entity.hpp"
#include "eventstore/committer.hpp"
#include "http/handlers/records_write.hpp"
#include "http/message.hpp"

namespace synclog::http::handlers {

// POST, PUT and PATCH of one record: outcome.items has one item.
response record_answer(const opened_write& opened, const eventstore::write_outcome& outcome);

// DELETE: 200 with the number that existed. None existed: the first item's problem, 404.
response removal_answer(const eventstore::write_outcome& outcome);

// Sync-Position, and Idempotency-Replayed for an answer that was given before.
void add_outcome_headers(response& made, const eventstore::write_outcome& outcome);

} // namespace synclog::http::handlers
