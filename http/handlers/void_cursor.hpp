// The answer to a cursor that this log cannot follow. Pure; any thread.
#pragma once
#include "core/event.hpp"
#include "http/message.hpp"
#include "http/streams/start.hpp"
#include <string_view>

namespace synclog::http::handlers {

// 400 with a code of its own, the word of a stream's `resync`: the client must reload, not mend its request.
// `parameter` named the cursor; the head is told, also in Sync-Position.
response void_cursor_answer(std::string_view parameter, streams::start_check check, const core::cursor& head);

} // namespace synclog::http::handlers
