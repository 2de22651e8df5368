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
extern const statement_ptr
    latest_of_records; // $1 entities, $2 ids -> ordinal (from 1), version, position, action, data
extern const statement_ptr find_answers;  // $1 actors, $2 keys -> ordinal (from 1), fingerprint, answer
extern const statement_ptr insert_events; // twelve arrays, see batch.cpp
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

inline constexpr const char* head_channel = "synclog_head";

} // namespace synclog::eventstore::statements
