// Server-sent events as bytes (WHATWG HTML, 9.2): frames are appended to a buffer that its stream writes.
// Pure; any thread.
#pragma once
#include "core/event.hpp"
#include "http/message.hpp"
#include <chrono>
#include <string>
#include <string_view>

namespace synclog::http::sse {

// 200 with the headers of a stream: never stored, never buffered by a proxy.
response stream_head();

// An unnamed event: the browser's onmessage. `data` has no line breaks (JSON has none).
void append_event(std::string& out, const core::cursor& id, std::string_view data);
// The same in two steps, for data that is written in place: append_id, the data, then end_event.
void begin_event(std::string& out, const core::cursor& id);
void end_event(std::string& out);

// A named event whose `data` is one line; it moves the client's Last-Event-ID when it has a cursor.
void append_named(std::string& out, std::string_view name, const core::cursor* id, std::string_view data);

// Control frames. Those that carry an id move the client's Last-Event-ID.
void append_retry(std::string& out, std::chrono::milliseconds delay);
void append_hello(std::string& out, const core::cursor& starts_at);
void append_caught_up(std::string& out, const core::cursor& at);
void append_checkpoint(std::string& out, const core::cursor& at);
void append_resync(std::string& out, std::string_view reason, const core::cursor& goes_on_at);
// The same where nothing may be resumed before a new snapshot is complete: it empties the Last-Event-ID.
void append_resync_from_scratch(std::string& out, std::string_view reason, const core::cursor& goes_on_at);
void append_bye(std::string& out, std::string_view reason, std::chrono::milliseconds retry);

// When a client should come back: spread over three seconds, so that a restarted server is not met by all at
// once.
std::chrono::milliseconds jittered_retry();

} // namespace synclog::http::sse
