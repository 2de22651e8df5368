// The answer to a bulk request (and to any dry run): counts, cursor and one result an item. Pure; any thread.
#pragma once
#include "eventstore/committer.hpp"
#include "http/handlers/records_write.hpp"
#include "http/message.hpp"
#include <cstdint>
#include <span>

namespace synclog::http::handlers {

// `lines` is empty, or has the physical line of each item.
//   lenient: 200; 207 when some items were rejected, 422 when all were.
//   strict:  200, or 422 with "success":false and a count of 0: the items at fault are "rejected" with their
//   errors, those that
//            fell with them are "aborted" and counted under "aborted".
// Items are in the order of the request; a rejected one carries code and errors with pointers relative to
// itself, `current` where the problem has it, and line and column where its text has them. "record" only with
// return=representation. A dry run has "dry_run":true, and its cursor is the head, for nothing was written.
response bulk_answer(const opened_write& opened, const eventstore::write_outcome& outcome,
                     std::span<const std::uint64_t> lines);

} // namespace synclog::http::handlers
