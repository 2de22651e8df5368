// See verify_words.hpp.
#include "tools/verify_words.hpp"

#include "core/json.hpp"
#include "tools/event_line.hpp"
#include <fmt/format.h>

namespace synclog::tools {

namespace {

// What can be done about a difference; the log itself is never mended, so that nobody can hide behind it.
std::string hint_for(const eventstore::difference& found) {
  if (found.kind == "row_missing" || found.kind == "row_extra" || found.kind == "field" ||
      found.kind == "table") {
    return fmt::format("`synclog replay rebuild {}` makes the read table anew from the log", found.entity);
  }
  if (found.kind == "signature") {
    return "take the checkpoint from a place that nobody could write to, and the public key from its owner";
  }
  if (found.kind == "end") {
    return "the range reaches beyond the head: without --to it ends there";
  }
  if (found.kind == "identity") {
    return "is this the database that is meant, and the checkpoint its own?";
  }
  return "the log itself cannot be mended: keep this database as evidence, and compare with backups and with "
         "checkpoints kept elsewhere";
}

std::string range_of(const eventstore::verify_report& report, const verify_scope& scope) {
  const bool is_whole = scope.from.value == 1 && !scope.to;
  if (report.events == 0 && !is_whole) {
    return fmt::format("no event after position {}", scope.from.value - 1);
  }
  return is_whole ? fmt::format("{} events", report.events)
                  : fmt::format("{} events ({} to {})", report.events, scope.from.value, report.head.value);
}

std::string checkpoint_text(const verify_scope& scope) {
  const auto& loaded = *scope.checkpoint;
  auto text =
      fmt::format("checkpoint {}: position {}, signed {} by key {}", scope.since, loaded.about.position.value,
                  core::to_rfc3339(loaded.about.signed_at), loaded.key.id());
  text += loaded.key_was_given
              ? ", the one that was given\n"
              : "\n  the key is the file's own: whoever could write the file could have signed it; "
                "--public-key says whose signature it must be\n";
  return text;
}

void append_member(std::string& out, const char* name, const std::string& value) {
  if (!value.empty()) {
    out += fmt::format(",\"{}\":", name);
    core::json::append_string(out, value);
  }
}

void append_difference(std::string& out, const eventstore::difference& found) {
  out += fmt::format(",\"difference\":{{\"position\":{}", found.position.value);
  append_member(out, "kind", found.kind);
  append_member(out, "detail", found.detail);
  append_member(out, "entity", found.entity);
  append_member(out, "id", found.record_id);
  append_member(out, "field", found.field);
  append_member(out, "stored", found.stored);
  append_member(out, "computed", found.computed);
  append_member(out, "hint", hint_for(found));
  out += '}';
}

std::string notes_text(const eventstore::verify_report& report) {
  std::string text;
  for (const auto& note : report.notes) {
    text += harmless(note.detail) + "\n";
  }
  return text;
}

void append_notes(std::string& out, const std::vector<eventstore::verify_note>& notes) {
  out += ",\"notes\":[";
  for (const auto& note : notes) {
    out += out.back() == '[' ? "{\"kind\":" : ",{\"kind\":";
    core::json::append_string(out, note.kind);
    append_member(out, "entity", note.entity);
    append_member(out, "table", note.table);
    append_member(out, "since", note.since);
    append_member(out, "detail", note.detail);
    out += '}';
  }
  out += ']';
}

} // namespace

std::string verify_text(const eventstore::verify_report& report, const verify_scope& scope) {
  if (report.difference) {
    return fmt::format("{}\n{}\n{}", harmless(report.difference->detail),
                       harmless(hint_for(*report.difference)), notes_text(report));
  }
  auto text = scope.checkpoint ? checkpoint_text(scope) : std::string();
  text += notes_text(report);
  if (!scope.log) {
    return text + fmt::format("ok: read tables ({} rows) agree with the log in {:.1f} s\n", report.rows,
                              report.seconds);
  }
  text += scope.tables ? fmt::format("ok: {}, chain and read tables ({} rows) agree", range_of(report, scope),
                                     report.rows)
                       : fmt::format("ok: {}, the chain agrees", range_of(report, scope));
  if (report.erased > 0) {
    text += fmt::format(", {} erased", report.erased);
  }
  return text + fmt::format("; head {}-{} in {:.1f} s\n", report.head.value,
                            report.head_hash_hex.substr(0, 8), report.seconds);
}

std::string verify_json(const eventstore::verify_report& report, const verify_scope& scope) {
  auto out = fmt::format("{{\"ok\":{},\"events\":{},\"erased\":{},\"rows\":{},\"from\":{},\"head\":{}",
                         !report.difference, report.events, report.erased, report.rows, scope.from.value,
                         report.head.value);
  append_member(out, "hash", report.head_hash_hex);
  if (report.log_id) {
    append_member(out, "log_id", core::to_string(*report.log_id));
  }
  if (scope.checkpoint) {
    out += fmt::format(",\"since\":{{\"position\":{},\"key\":\"{}\",\"key_given\":{}}}",
                       scope.checkpoint->about.position.value, scope.checkpoint->key.id(),
                       scope.checkpoint->key_was_given);
  }
  append_notes(out, report.notes);
  out += fmt::format(",\"seconds\":{:.3f}", report.seconds);
  if (report.difference) {
    append_difference(out, *report.difference);
  }
  out += '}';
  return out;
}

} // namespace synclog::tools
