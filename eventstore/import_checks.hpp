// What an event of an exported log must be before it may enter this one: the checks of the API's door, for
// events that were not made here. The chain proves that a file is one history; these keep out what the read
// tables, the streams and PostgreSQL could not take, whoever computed its hashes. Pure.
#pragma once
#include "core/entity.hpp"
#include "eventstore/export_format.hpp"
#include <map>
#include <optional>
#include <span>
#include <string>

namespace synclog::eventstore {

// A record's history so far, as far as the next event must fit it.
struct record_progress {
  std::int64_t version = 0; // 0: it never existed
  bool deleted = false;
  bool erased = false;  // its latest event; since when nobody knows
  std::string branch{}; // of its latest event
};

class import_checks {
 public:
  static constexpr std::size_t max_record_bytes = 1u << 20; // as at the API's door
  static constexpr std::size_t max_meta_bytes = 64u << 10;

  // `entities` outlives it.
  explicit import_checks(const core::catalog& entities);

  // The definitions of the database that was exported; from then on outgrown events pass. Without it none do.
  void allow_outgrown(std::span<const exported_definition> exported);
  // Whether events of the entity may be of an earlier definition that today's columns cannot take: only where
  // there was one, and where the exporting database had come as far as this one, so that its latest states
  // fit.
  bool may_be_outgrown(const core::entity& definition) const;

  struct verdict {
    std::string refused; // "" or what is wrong
    // Its data holds a value that today's column cannot: it belongs into the log, and its read table cannot
    // follow it.
    bool outgrown = false;
  };
  // Refused are: an unknown entity; an id that no record may have; data or meta that is no JSON as the door
  // takes it (\u0000, lone surrogates, duplicate keys, depth, size); data that is not this event's record or
  // of another branch; a value that its column cannot hold, unless it may be outgrown.
  verdict check(const exported_event& read) const;

  // "" or why `next`, which passed check(), cannot follow in its record's history: refuse_version(), and a
  // previous branch that is not the one before. An entity whose definition has changed may have had another
  // branch field, so there only what no definition explains is refused.
  std::string refuse_step(const record_progress& before, const core::event& next) const;

 private:
  struct rules {
    // The definition's fields by type alone: what was allowed may have changed since the event.
    std::vector<core::field> types;
    std::optional<std::int64_t> exported_revision; // of the database that was exported
  };
  verdict check_data(const core::entity& definition, const core::event& event) const;
  std::string with_revisions(const core::entity& definition, std::string wrong) const;

  const core::catalog* entities_;
  std::map<const core::entity*, rules> rules_;
};

// "" or why `next` cannot follow: versions are consecutive, and a record is created first and after a delete
// only; after an event whose data was erased it may be either, because it was there until then. Reverted is
// what existed once.
std::string refuse_version(const record_progress& before, const core::event& next);

} // namespace synclog::eventstore
