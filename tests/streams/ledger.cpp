// See ledger.hpp.
#include "tests/streams/ledger.hpp"
#include <fmt/format.h>
#include <stdexcept>
#include <utility>

namespace synclog::tests::streams {

namespace {

constexpr std::size_t max_sentences = 3;

[[noreturn]] void wrong(std::string sentence) {
  throw std::runtime_error(std::move(sentence));
}

} // namespace

void ledger::begin_span(std::int64_t at) {
  spans_.push_back({.wanted = wanted_, .start = at, .reached = at, .events = {}, .cursors = {}});
}

void ledger::move_to(std::int64_t at, std::string_view text) {
  cursor_text_ = text;
  cursor_ = at;
  spans_.back().reached = at;
}

void ledger::started(std::string_view at) {
  const auto position = position_of(at);
  if (spans_.empty()) {
    // A place asked for by its bare position is answered by its cursor.
    const bool is_bare = cursor_text_.find('-') == std::string::npos;
    const bool is_there = is_bare ? at.starts_with(cursor_text_ + "-") : at == cursor_text_;
    expects_resync_ = !cursor_text_.empty() && !is_there;
    begin_span(position);
    move_to(position, at);
    return;
  }
  expects_resync_ = at != cursor_text_;
}

void ledger::changed(interest wanted, std::string_view at) {
  const auto position = position_of(at);
  if (expects_resync_) wrong("a filter was changed before a void cursor was answered by resync");
  if (position < cursor_) wrong(fmt::format("went back from {} to {}", cursor_text_, at));
  spans_.back().reached = position;
  wanted_ = std::move(wanted);
  begin_span(position);
  move_to(position, at);
}

void ledger::take(const told& what) {
  if (spans_.empty()) wrong("'" + what.name + "' before the subscription has begun");
  if (what.name == "resync") {
    ++resyncs_;
    expects_resync_ = false;
    const auto at = text_member(what.text, "cursor");
    spans_.back().voided = true;
    begin_span(position_of(at));
    move_to(position_of(at), at);
    return;
  }
  if (expects_resync_)
    wrong(fmt::format("asked from {}, answered from elsewhere, then '{}' without resync", cursor_text_,
                      what.text));
  if (what.name == "event") {
    const auto event = read_envelope(what.text, depth_);
    const auto at = event.cursor;
    if (position_of(at) != event.position) wrong("cursor and position differ: " + what.text);
    if (!what.id.empty() && what.id != at) wrong("id and cursor differ: " + what.text);
    if (event.position <= cursor_) wrong(fmt::format("holds {}, got {} again", cursor_text_, at));
    if (event.previous > cursor_ || event.previous >= event.position)
      wrong(fmt::format("holds {}, got {} with previous {}", cursor_text_, at, event.previous));
    spans_.back().events.push_back({event.position, event.previous, event.digest});
    move_to(event.position, at);
    return;
  }
  const auto at = text_member(what.text, "cursor");
  const auto position = position_of(at);
  if (!what.id.empty() && what.id != at) wrong("id and cursor differ: " + what.text);
  if (position < cursor_) wrong(fmt::format("{} goes back from {} to {}", what.name, cursor_text_, at));
  spans_.back().cursors.emplace_back(at);
  move_to(position, at);
}

std::vector<std::string> differences(const span& of, const std::vector<logged>& log) {
  std::vector<std::string> found;
  const auto note = [&found](std::string sentence) {
    if (found.size() < max_sentences) found.push_back(std::move(sentence));
  };
  if (of.reached > static_cast<std::int64_t>(log.size())) {
    note(fmt::format("reached {} of a log of {}", of.reached, log.size()));
    return found;
  }
  std::int64_t last_match = 0; // over the whole log: `previous` may lie before the start
  std::size_t next = 0;
  for (const auto& event : log) {
    if (event.position > of.reached) break;
    if (!matches(of.wanted, event)) continue;
    const auto before = std::exchange(last_match, event.position);
    if (event.position <= of.start) continue;
    while (next < of.events.size() && of.events[next].position < event.position)
      note(fmt::format("got {} unasked", of.events[next++].position));
    if (next == of.events.size() || of.events[next].position > event.position) {
      note(fmt::format("missed {}", event.cursor));
      continue;
    }
    const auto& seen = of.events[next++];
    if (seen.digest != 0 && seen.digest != event.digest)
      note(fmt::format("got {} with other content", event.cursor));
    else if (seen.previous < before)
      note(fmt::format("got {} with previous {}, but {} lies between", event.cursor, seen.previous, before));
  }
  for (; next < of.events.size(); ++next)
    note(fmt::format("got {} unasked", of.events[next].position));
  for (const auto& cursor : of.cursors) {
    const auto at = position_of(cursor);
    if (at > 0 && log[static_cast<std::size_t>(at - 1)].cursor != cursor)
      note(fmt::format("was told the cursor {} of another history", cursor));
  }
  return found;
}

} // namespace synclog::tests::streams
