// See event_envelope.hpp.
#include "http/streams/event_envelope.hpp"
#include "core/json.hpp"
#include <fmt/format.h>
#include <iterator>
#include <string_view>

namespace synclog::http::streams {

namespace {

// The token after `name` in an envelope's tail: a number, or a string with its quotes. Names of the envelope
// come before `data`, and inside JSON strings a quote is always escaped, so the first match is the envelope's
// own member.
std::string_view envelope_token(std::string_view tail, std::string_view name) {
  const auto found = tail.find(name);
  if (found == std::string_view::npos) core::invariant_broken("an envelope lacks a member");
  const auto start = found + name.size();
  return tail.substr(start, tail.find(',', start) - start);
}

std::string_view version_token(const eventstore::feed_event& event) {
  return envelope_token(event.encoded.tail, R"(,"version":)");
}

std::string_view time_token(const eventstore::feed_event& event) {
  return envelope_token(event.encoded.tail, R"(,"recorded_at":)");
}

core::event_action seen_action(const eventstore::feed_event& event, core::filter_verdict verdict) {
  return verdict == core::filter_verdict::show_as_left ? core::event_action::deleted : event.action;
}

// What the caller may know of a record that left: which one and when, and the branch they saw it in. Neither
// where it went, nor who moved it, nor what it says now.
void append_left_tail(std::string& out, const eventstore::feed_event& event) {
  out += R"(,"resource":)";
  core::json::append_string(out, event.entity);
  out += R"(,"action":"deleted","id":)";
  core::json::append_string(out, event.record_id);
  out += R"(,"version":)";
  out += version_token(event);
  out += R"(,"branch":)";
  core::json::append_string(out, event.previous_branch);
  out += R"(,"recorded_at":)";
  out += time_token(event);
  out += R"(,"data":null})";
}

// Without the branch that it came from.
void append_entered_tail(std::string& out, const eventstore::feed_event& event) {
  constexpr std::string_view name = R"(,"previous_branch":)";
  const std::string_view tail = event.encoded.tail;
  const auto from = tail.find(name);
  // Behind it stands the actor, always; a quote inside its value is escaped, so this is no part of it.
  const auto to = tail.find(R"(,"actor":)", from);
  if (from == std::string_view::npos || to == std::string_view::npos || to > event.encoded.data_begin)
    core::invariant_broken("the envelope of a move lacks a member");
  out += tail.substr(0, from);
  out += tail.substr(to);
}

} // namespace

void append_envelope(std::string& out, const eventstore::feed_event& event, core::position previous,
                     core::filter_verdict verdict) {
  out += event.encoded.head;
  fmt::format_to(std::back_inserter(out), "{}", previous.value);
  if (verdict == core::filter_verdict::show_as_left) {
    append_left_tail(out, event);
  } else if (verdict == core::filter_verdict::show_as_entered) {
    append_entered_tail(out, event);
  } else {
    out += event.encoded.tail;
  }
}

void append_cloud_event(std::string& out, const eventstore::feed_event& event, core::position previous,
                        core::filter_verdict verdict) {
  fmt::format_to(std::back_inserter(out),
                 R"({{"specversion":"1.0","id":"{}","source":"/api/{}","type":"synclog.{}.{}","subject":)",
                 core::to_string(event.at), event.entity, event.entity,
                 core::to_string(seen_action(event, verdict)));
  core::json::append_string(out, event.record_id);
  out += R"(,"time":)";
  out += time_token(event);
  out += R"(,"datacontenttype":"application/json","data":)";
  append_envelope(out, event, previous, verdict);
  out.push_back('}');
}

} // namespace synclog::http::streams
