// See sse.hpp.
#include "http/sse.hpp"
#include <fmt/format.h>
#include <iterator>
#include <random>

namespace synclog::http::sse {

namespace {

// Reasons are words of ours: nothing in them needs escaping.
std::string resync_object(std::string_view reason, const core::cursor& goes_on_at) {
  return fmt::format(R"({{"reason":"{}","cursor":"{}"}})", reason, core::to_string(goes_on_at));
}

std::string cursor_object(const core::cursor& at) {
  return fmt::format(R"({{"cursor":"{}"}})", core::to_string(at));
}

} // namespace

response stream_head() {
  response made;
  made.headers = {{"Content-Type", "text/event-stream"},
                  {"Cache-Control", "no-store"},
                  {"X-Accel-Buffering", "no"},
                  {"Vary", "Accept, Authorization, Cookie"}};
  return made;
}

void begin_event(std::string& out, const core::cursor& id) {
  out += "id: ";
  out += core::to_string(id);
  out += "\ndata: ";
}

void end_event(std::string& out) {
  out += "\n\n";
}

void append_event(std::string& out, const core::cursor& id, std::string_view data) {
  begin_event(out, id);
  out += data;
  end_event(out);
}

void append_named(std::string& out, std::string_view name, const core::cursor* id, std::string_view data) {
  out += "event: ";
  out += name;
  if (id != nullptr) {
    out += "\nid: ";
    out += core::to_string(*id);
  }
  out += "\ndata: ";
  out += data;
  out += "\n\n";
}

void append_retry(std::string& out, std::chrono::milliseconds delay) {
  fmt::format_to(std::back_inserter(out), "retry: {}\n\n", delay.count());
}

void append_hello(std::string& out, const core::cursor& starts_at) {
  fmt::format_to(std::back_inserter(out), "event: hello\ndata: {}\n\n", cursor_object(starts_at));
}

void append_caught_up(std::string& out, const core::cursor& at) {
  append_named(out, "caught_up", &at, cursor_object(at));
}

void append_checkpoint(std::string& out, const core::cursor& at) {
  append_named(out, "checkpoint", &at, cursor_object(at));
}

void append_resync(std::string& out, std::string_view reason, const core::cursor& goes_on_at) {
  append_named(out, "resync", &goes_on_at, resync_object(reason, goes_on_at));
}

void append_resync_from_scratch(std::string& out, std::string_view reason, const core::cursor& goes_on_at) {
  out += "id:\n";
  append_named(out, "resync", nullptr, resync_object(reason, goes_on_at));
}

void append_bye(std::string& out, std::string_view reason, std::chrono::milliseconds retry) {
  fmt::format_to(std::back_inserter(out), "event: bye\ndata: {{\"reason\":\"{}\",\"retry_ms\":{}}}\n\n",
                 reason, retry.count());
}

std::chrono::milliseconds jittered_retry() {
  constexpr int shortest_ms = 2'000;
  constexpr int longest_ms = 5'000;
  thread_local std::minstd_rand random(std::random_device{}());
  return std::chrono::milliseconds(std::uniform_int_distribution(shortest_ms, longest_ms)(random));
}

} // namespace synclog::http::sse
