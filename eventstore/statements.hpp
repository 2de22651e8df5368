// The SQL of the log, named; each is prepared once a connection under its name.
#pragma once
#include "eventstore/pg/types.hpp"
#include <memory>

namespace synclog::eventstore::statements {

using statement_ptr = std::shared_ptr<const pg::statement>;

extern const statement_ptr begin, commit, rollback;
extern const statement_ptr lock_head;   // $1 the lock's key
extern const statement_ptr read_log_id; // -> log_id (binary uuid)
extern const statement_ptr read_head;   // -> position, hash, recorded_at
// -> position, hash, recorded_at (NULL in an empty log), and the sum of the adopted definitions' revisions
extern const statement_ptr read_batch_head;
// $1 position, $2 hash, $3 sum of revisions: fails when the log ends elsewhere, or other definitions were
// adopted
extern const statement_ptr fence_head;
extern const statement_ptr fence_erased;
extern const statement_ptr read_definitions; // -> name, revision, fingerprint
extern const statement_ptr
    latest_of_records; // $1 entities, $2 ids -> ordinal (from 1), version, position, action, data
extern const statement_ptr find_answers;  // $1 actors, $2 keys -> ordinal (from 1), fingerprint, answer
extern const statement_ptr insert_events; // $1 an array of synclog.event_row, see event_row.hpp
extern const statement_ptr insert_event;  // the same of one event, which has its data: twelve values
extern const statement_ptr
    insert_answers; // $1 actors, $2 keys, $3 fingerprints, $4 answers, $5 positions, $6 times
extern const statement_ptr notify_head;
extern const statement_ptr hash_at;    // $1 position -> hash
extern const statement_ptr data_at;    // $1 positions -> position, data
extern const statement_ptr page_after; // $1 position, $2 count -> a whole event a row
extern const statement_ptr states_at;  // $1 entities, $2 ids, $3 versions, $4 bytes -> action, data, in their
                                       // order, as far as they fit
extern const statement_ptr event_at;   // $1 position
extern const statement_ptr record_history; // $1 entity, $2 id, $3 version, $4 count

// For the export and the import of a log.
extern const statement_ptr page_within; // $1 position, $2 count, $3 bytes as stored -> as page_after: as many
                                        // as begin within the bytes
extern const statement_ptr hashes_after;        // $1 position, $2 count -> position, hash
extern const statement_ptr versions_of_records; // $1 entities, $2 ids -> ordinal (from 1), version, action

inline constexpr const char* head_channel = "synclog_head";

} // namespace synclog::eventstore::statements
