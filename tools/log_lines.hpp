// How the log looks: one line an event, whatever a message quotes.
#pragma once
#include <memory>

namespace spdlog {
class formatter;
}

namespace synclog::tools {

// Time, level, and the message by harmless(): what PostgreSQL, a library or a client says in it cannot start
// another line or move the cursor.
std::unique_ptr<spdlog::formatter> make_log_formatter();

} // namespace synclog::tools
