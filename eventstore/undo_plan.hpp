// What an undo finds of one record: its state before the selected events, its state now, and the command that
// leads back. Private to the undo.
#pragma once
#include "eventstore/pg/types.hpp"
#include "eventstore/undo.hpp"
#include "eventstore/undo_order.hpp"
#include <memory>
#include <optional>

namespace synclog::eventstore {

// Of one page of records.
inline constexpr std::int64_t max_undo_records = 500;
inline constexpr std::int64_t max_undo_bytes = 4 << 20; // of data, as stored; at least one record

// The records whose first selected event lies behind `below` and not behind `upto`, the last one first, as
// many as fit; column `undo_found` tells how many there are. A record is met in each stretch in which it has
// a selected event, and its versions between two of them are passed once: linear in the log, also for a
// record with very many versions.
pg::query undo_plan_query(const undo_selection& selection, core::position below, core::position upto);
inline constexpr int undo_found = 10;

// How many records have selected events up to `upto`.
pg::query undo_left_query(const undo_selection& selection, core::position upto);

struct undo_plan {
  core::position first_event;
  undo_item item;
  std::optional<core::command> wanted; // what would undo it
  value_exchange values;               // of its unique fields
  std::size_t bytes = 0;               // of data that was read
  // Makes it give up the unique values that it gives back, before `wanted` does. Only with `wanted`, once: it
  // moves the version on that `wanted` expects.
  core::command clear();

 private:
  friend class undo_planner;
  std::vector<std::size_t> given_fields_;
  bool clear_by_removal_ = false; // it may not be without a value
};

class undo_planner {
 public:
  // The catalog outlives it.
  undo_planner(const core::catalog& entities, bool force) : entities_(entities), force_(force) {}
  undo_plan plan(const pg::rows& rows, int row) const; // of undo_plan_query

 private:
  struct side;
  static side read_side(const pg::rows& rows, int row, int version_column);
  static void add_command(undo_plan& plan, const core::entity& definition, const side& before,
                          const side& now);
  static void add_values(undo_plan& plan, const core::entity& definition, const core::field_texts& present);

  const core::catalog& entities_;
  bool force_;
};

// A problem with all that it says of fields, as one sentence.
std::string undo_sentence(const core::problem& why);

} // namespace synclog::eventstore
