// Events as rows: those that the statements select which read whole events (statements.cpp), in binary
// format, and those that are inserted.
#pragma once
#include "core/chain.hpp"
#include "core/event.hpp"
#include "eventstore/pg/row_array.hpp"
#include "eventstore/pg/types.hpp"
#include <optional>

namespace synclog::eventstore {

core::event event_of_row(const pg::rows& rows, int row);

inline constexpr std::int32_t event_row_attributes = 13; // of synclog.event_row

// A row of synclog.event_row more. An event whose data was erased has its hash instead.
void add_event_row(pg::row_array& rows, const core::event& event,
                   const std::optional<core::sha256_digest>& data_hash = std::nullopt);
// The parameters of statements::insert_event.
pg::params event_values(const core::event& event);

} // namespace synclog::eventstore
