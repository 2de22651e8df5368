// Reads rows of the statements that select whole events (statements.cpp), in binary format.
#pragma once
#include "core/event.hpp"
#include "eventstore/pg/types.hpp"

namespace synclog::eventstore {

core::event event_of_row(const pg::rows& rows, int row);

} // namespace synclog::eventstore
