// See history.hpp.
#include "fault/history.hpp"
#include "core/json.hpp"
#include <charconv>
#include <fmt/format.h>
#include <iterator>
#include <stdexcept>

namespace synclog::tests::fault {

namespace {

// The codes that say that nothing was saved; every other 5xx leaves it open.
bool promises_nothing_saved(std::string_view code) {
  return code == "database_unavailable" || code == "database_not_durable" || code == "overloaded" ||
         code == "draining";
}

void append_attempt(std::string& out, const attempt& made) {
  fmt::format_to(std::back_inserter(out),
                 R"({{"sent_us":{},"answered_us":{},"ended_us":{},"status":{},"replayed":{},"code":)",
                 made.sent_us, made.answered_us, made.ended_us, made.status, made.replayed);
  core::json::append_string(out, made.code);
  out += R"(,"cursor":)";
  core::json::append_string(out, made.cursor);
  out += R"(,"effects":[)";
  for (const effect& one : made.effects) {
    if (&one != &made.effects.front()) out += ',';
    out += R"({"id":)";
    core::json::append_string(out, one.id);
    fmt::format_to(std::back_inserter(out), R"(,"version":{},"position":{}}})", one.version, one.position);
  }
  out += "]}";
}

} // namespace

std::string_view to_string(op_kind kind) {
  switch (kind) {
  case op_kind::create:
    return "create";
  case op_kind::update:
    return "update";
  case op_kind::remove:
    return "remove";
  case op_kind::natural_key:
    return "natural_key";
  case op_kind::conditional:
    return "conditional";
  case op_kind::bad_create:
    return "bad_create";
  case op_kind::lenient_bulk:
    return "lenient_bulk";
  case op_kind::strict_bulk:
    return "strict_bulk";
  }
  return "?";
}

std::string_view to_string(verdict told) {
  switch (told) {
  case verdict::acknowledged:
    return "acknowledged";
  case verdict::refused:
    return "refused";
  case verdict::nothing_saved:
    return "nothing saved";
  case verdict::unknown:
    return "unknown";
  }
  return "?";
}

verdict verdict_of(const attempt& made) {
  if (made.status >= 200 && made.status < 300) return verdict::acknowledged;
  if (made.status >= 400 && made.status < 500) return verdict::refused;
  return promises_nothing_saved(made.code) ? verdict::nothing_saved : verdict::unknown;
}

verdict verdict_of(const operation& done) {
  verdict sum = verdict::nothing_saved;
  for (const attempt& made : done.attempts) {
    const verdict told = verdict_of(made);
    if (told == verdict::acknowledged || told == verdict::refused) return told;
    if (told == verdict::unknown) sum = verdict::unknown;
  }
  return sum;
}

const attempt* acknowledgement(const operation& done) {
  for (const attempt& made : done.attempts) {
    if (verdict_of(made) == verdict::acknowledged) return &made;
  }
  return nullptr;
}

std::int64_t position_of(std::string_view cursor) {
  std::int64_t position = 0;
  const auto read = std::from_chars(cursor.data(), cursor.data() + cursor.size(), position);
  return read.ec == std::errc{} ? position : 0;
}

std::string to_json(const operation& done) {
  std::string out = R"({"key":)";
  core::json::append_string(out, done.key);
  fmt::format_to(
      std::back_inserter(out), R"(,"kind":"{}","entity":"{}","writer":{},"planned_events":{},"verdict":"{}")",
      to_string(done.kind), done.entity, done.writer, done.planned_events, to_string(verdict_of(done)));
  out += R"(,"attempts":[)";
  for (const attempt& made : done.attempts) {
    if (&made != &done.attempts.front()) out += ',';
    append_attempt(out, made);
  }
  out += "]}";
  return out;
}

history::history(const std::string& path) {
  if (path.empty()) return;
  out_.open(path, std::ios::app);
  if (!out_) throw std::runtime_error("cannot write the history to " + path);
}

void history::add(operation done) {
  const std::lock_guard guard(mutex_);
  if (out_.is_open()) out_ << to_json(done) << '\n';
  operations_.push_back(std::move(done));
}

} // namespace synclog::tests::fault
