// The advisory lock that whoever appends to the log, or must see it stand still, takes for the transaction.
#pragma once
#include <cstdint>

namespace synclog::eventstore {

// "synclog" in ASCII; one log a database.
inline constexpr std::int64_t head_lock_key = 0x73796e636c6f67;

} // namespace synclog::eventstore
