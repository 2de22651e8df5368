// See checker.hpp. O(n log n) in operations and events.
#include "fault/checker.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <unordered_map>

namespace synclog::tests::fault {

namespace {

using events_of_key = std::vector<const logged_event*>;

class findings {
 public:
  template <class... Parts>
  void add(fmt::format_string<Parts...> sentence, Parts&&... parts) {
    if (sentences_.size() < max_findings)
      sentences_.push_back(fmt::format(sentence, std::forward<Parts>(parts)...));
  }
  std::vector<std::string> take() { return std::move(sentences_); }

 private:
  std::vector<std::string> sentences_;
};

std::string name_of(const operation& done) {
  return fmt::format("{} {} ({})", to_string(done.kind), done.key, done.entity);
}

void check_positions(const std::vector<logged_event>& log, findings& found) {
  std::int64_t expected = 1;
  for (const logged_event& event : log) {
    if (event.position != expected) found.add("I4: position {} follows {}", event.position, expected - 1);
    expected = event.position + 1;
  }
}

// The same event twice under two positions shows as a version that is there twice or jumps.
void check_versions(const std::vector<logged_event>& log, findings& found) {
  std::map<std::pair<std::string_view, std::string_view>, std::int64_t> latest;
  for (const logged_event& event : log) {
    auto& version = latest[{event.entity, event.record_id}];
    if (event.version != version + 1) {
      found.add("I1: {}/{} goes from version {} to {} at position {}", event.entity, event.record_id, version,
                event.version, event.position);
    }
    version = event.version;
  }
}

void check_content(const operation& done, const events_of_key& events, findings& found) {
  for (const logged_event* event : events) {
    if (event->entity != done.entity)
      found.add("I1: {} wrote to {} at {}", name_of(done), event->entity, event->position);
    if (event->action != "deleted" && !event->has_mark) {
      found.add("I1: position {} has the key of {} but another write's content", event->position,
                name_of(done));
    }
  }
}

void check_acknowledged(const operation& done, const attempt& told, const events_of_key& events,
                        findings& found) {
  if (events.size() < told.effects.size()) {
    found.add("I1: {} was acknowledged at {} with {} records, the log has {} of them (lost)", name_of(done),
              told.cursor, told.effects.size(), events.size());
    return;
  }
  if (events.size() > told.effects.size()) {
    found.add("I1: {} was acknowledged with {} records, the log has {} (doubled)", name_of(done),
              told.effects.size(), events.size());
    return;
  }
  for (std::size_t index = 0; index < events.size(); ++index) {
    const effect& said = told.effects[index];
    const logged_event& is = *events[index];
    const bool same = said.id == is.record_id && (said.version == 0 || said.version == is.version) &&
                      (said.position == 0 || said.position == is.position);
    if (!same) {
      found.add("I1: {} was told {} version {} position {}, the log has {} version {} position {}",
                name_of(done), said.id, said.version, said.position, is.record_id, is.version, is.position);
    }
  }
  if (!events.empty() && told.cursor != events.back()->cursor) {
    found.add("I1: {} was told cursor {}, the log has {}", name_of(done), told.cursor, events.back()->cursor);
  }
}

// A retry with the same key is answered as the first time.
void check_replays(const operation& done, const attempt& first, findings& found) {
  for (const attempt& made : done.attempts) {
    if (&made <= &first) continue;
    const verdict told = verdict_of(made);
    if (told == verdict::refused) {
      found.add("I2: {} was acknowledged at {}, and its retry refused with {} {}", name_of(done),
                first.cursor, made.status, made.code);
    } else if (told == verdict::acknowledged &&
               (made.cursor != first.cursor || made.effects != first.effects)) {
      found.add("I2: {} was acknowledged at {}, its retry at {}", name_of(done), first.cursor, made.cursor);
    } else if (told == verdict::acknowledged && !made.replayed) {
      found.add("I2: the retry of {} is not marked as a replay", name_of(done));
    }
  }
}

void check_strict(const operation& done, const events_of_key& events, findings& found) {
  if (events.empty()) return;
  if (events.size() != done.planned_events) {
    found.add("I3: {} has {} of its {} events", name_of(done), events.size(), done.planned_events);
  }
  for (std::size_t index = 1; index < events.size(); ++index) {
    if (events[index]->position != events[index - 1]->position + 1) {
      found.add("I3: {} is at positions {} and {}", name_of(done), events[index - 1]->position,
                events[index]->position);
    }
  }
}

void check_operation(const operation& done, const events_of_key& events, findings& found) {
  const verdict told = verdict_of(done);
  switch (told) {
  case verdict::acknowledged: {
    const attempt* first = acknowledgement(done);
    if (first->effects.size() != done.planned_events) {
      found.add("I1: {} was acknowledged with {} records instead of {}", name_of(done), first->effects.size(),
                done.planned_events);
    }
    check_acknowledged(done, *first, events, found);
    check_replays(done, *first, found);
    break;
  }
  case verdict::refused:
  case verdict::nothing_saved:
    if (!events.empty()) {
      found.add("I2: {} was told {} ({} {}), but is at position {}", name_of(done), to_string(told),
                done.attempts.back().status, done.attempts.back().code, events.front()->position);
    }
    break;
  case verdict::unknown:
    if (!events.empty() && events.size() != done.planned_events) {
      found.add("I2: {} had no answer and {} of its {} events are in the log", name_of(done), events.size(),
                done.planned_events);
    }
    break;
  }
  if (done.kind == op_kind::strict_bulk) check_strict(done, events, found);
  check_content(done, events, found);
}

struct span_in_time {
  const operation* done = nullptr;
  std::int64_t sent_us = 0;
  std::int64_t answered_us = 0; // of the acknowledgement; the end of time without one
  std::int64_t first = 0, last = 0;
};

// Sweeps by time: whatever was acknowledged before `sent` lies below it.
void check_order(std::vector<span_in_time> spans, findings& found) {
  std::vector<const span_in_time*> by_answer;
  by_answer.reserve(spans.size());
  std::ranges::sort(spans, {}, &span_in_time::sent_us);
  for (const span_in_time& one : spans)
    by_answer.push_back(&one);
  std::ranges::sort(by_answer, {}, [](const span_in_time* one) { return one->answered_us; });
  const span_in_time* highest = nullptr;
  std::size_t next = 0;
  for (const span_in_time& one : spans) {
    for (; next < by_answer.size() && by_answer[next]->answered_us < one.sent_us; ++next) {
      if (highest == nullptr || by_answer[next]->last > highest->last) highest = by_answer[next];
    }
    if (highest != nullptr && highest->last > one.first) {
      found.add("I4: {} was answered {} us before {} was sent, but is at {} and the later one at {}",
                name_of(*highest->done), one.sent_us - highest->answered_us, name_of(*one.done),
                highest->last, one.first);
    }
  }
}

} // namespace

std::vector<std::string> check(const std::vector<operation>& operations,
                               const std::vector<logged_event>& log) {
  findings found;
  check_positions(log, found);
  check_versions(log, found);

  std::unordered_map<std::string_view, events_of_key> by_key;
  for (const logged_event& event : log)
    by_key[event.key].push_back(&event);
  std::vector<span_in_time> spans;
  for (const operation& done : operations) {
    const auto place = by_key.find(done.key);
    const events_of_key events = place == by_key.end() ? events_of_key{} : place->second;
    check_operation(done, events, found);
    if (!events.empty()) {
      const attempt* told = acknowledgement(done);
      spans.push_back({&done, done.attempts.front().sent_us,
                       told != nullptr ? told->answered_us : std::numeric_limits<std::int64_t>::max(),
                       events.front()->position, events.back()->position});
    }
    if (place != by_key.end()) by_key.erase(place);
  }
  for (const auto& [key, events] : by_key) {
    found.add("I2: position {} belongs to no request that was sent (key \"{}\")", events.front()->position,
              key);
  }
  check_order(std::move(spans), found);
  return found.take();
}

} // namespace synclog::tests::fault
