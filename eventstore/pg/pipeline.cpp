// One front segment at a time: [result NULL]* SYNC, where after an error every result is `aborted`. An error
// may also come after the last query, when the commit that the Sync brings fails.
#include "eventstore/pg/pipeline.hpp"

namespace synclog::eventstore::pg {

void pipeline::sent(command_kind kind, std::uint32_t query_index) {
  commands_.push_back({kind, query_index});
  ++open_commands_;
}

void pipeline::sent_sync(std::uint32_t queries) {
  segments_.push_back({open_commands_, queries});
  open_commands_ = 0;
}

pipeline::action pipeline::break_now() {
  broken_ = true;
  return {action::kind::broken};
}

pipeline::command pipeline::take_command() {
  const command first = commands_.front();
  commands_.pop_front();
  --segments_.front().commands;
  null_due_ = true;
  return first;
}

pipeline::action pipeline::received(result_kind kind) {
  if (broken_) return {action::kind::broken};
  if (segments_.empty()) return kind == result_kind::null ? action{} : break_now();
  if (kind == result_kind::null) return on_null();
  stray_nulls_ = 0;
  if (null_due_) return break_now();
  switch (kind) {
  case result_kind::rows:
    return on_rows();
  case result_kind::error:
    return on_error();
  case result_kind::aborted:
    return on_aborted();
  case result_kind::sync:
    return on_sync();
  case result_kind::null:
  case result_kind::other:
    break;
  }
  return break_now();
}

pipeline::action pipeline::on_rows() {
  if (failed_ || segments_.front().commands == 0) return break_now();
  const command first = take_command();
  const bool prepare = first.kind == command_kind::prepare;
  return {prepare ? action::kind::prepared : action::kind::answered, first.query_index};
}

pipeline::action pipeline::on_error() {
  if (failed_) return break_now();
  failed_ = true;
  if (segments_.front().commands == 0) {
    // The NULL after this one, if it comes, counts as a stray: no query ends with it.
    return {action::kind::failed, segments_.front().queries};
  }
  const command first = take_command();
  if (first.kind == command_kind::prepare) return {action::kind::unprepared, first.query_index, true};
  return {action::kind::failed, first.query_index};
}

pipeline::action pipeline::on_aborted() {
  if (!failed_ || segments_.front().commands == 0) return break_now();
  const command first = take_command();
  if (first.kind == command_kind::prepare) return {action::kind::unprepared, first.query_index};
  return {};
}

pipeline::action pipeline::on_null() {
  if (null_due_) {
    null_due_ = false;
    return {};
  }
  return ++stray_nulls_ > max_stray_nulls ? break_now() : action{};
}

pipeline::action pipeline::on_sync() {
  if (segments_.front().commands != 0) return break_now();
  segments_.pop_front();
  failed_ = false;
  return {action::kind::finished};
}

} // namespace synclog::eventstore::pg
