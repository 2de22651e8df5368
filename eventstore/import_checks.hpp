// What an event of an exported log must be before it may enter this one: the checks of the API's door, for
// events that were not made here. The chain proves that a file is one history; these keep out what the read
// tables, the streams and PostgreSQL could not take, whoever computed its hashes. Pure.
#pragma once
#include "core/entity.hpp"
#include "eventstore/export_format.hpp"
#include <map>
#include <optional>
#include <string>

namespace synclog::eventstore {

class import_checks {
 public:
  static constexpr std::size_t max_record_bytes = 1u << 20; // as at the API's door
  static constexpr std::size_t max_meta_bytes = 64u << 10;

  // `entities` outlives it.
  explicit import_checks(const core::catalog& entities);

  // "" or what is wrong: an unknown entity; an id that no record may have; data or meta that is no JSON as
  // the door takes it (\u0000, lone surrogates, duplicate keys, depth, size); data that is not this event's
  // record, or holds a value that its column cannot.
  std::string refuse(const exported_event& read) const;

 private:
  std::string refuse_data(const core::entity& definition, const core::event& event) const;

  const core::catalog* entities_;
  // The definitions' fields by type alone: what was allowed may have changed since the event.
  std::map<const core::entity*, std::vector<core::field>> types_;
};

// A record's history so far, as far as the next event must fit it.
struct record_progress {
  std::int64_t version = 0; // 0: it never existed
  bool deleted = false;
  bool erased = false; // its latest event; since when nobody knows
};

// "" or why `next` cannot follow: versions are consecutive, and a record is created first and after a delete
// only; after an event whose data was erased it may be either, because it was there until then.
std::string refuse_version(const record_progress& before, const core::event& next);

} // namespace synclog::eventstore
