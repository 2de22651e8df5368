// What a caller wants of one record, validated as far as that goes without the state; and what came of it.
#pragma once
#include "core/entity.hpp"
#include "core/event.hpp"
#include "core/field_texts.hpp"
#include "core/problem.hpp"
#include "core/scope.hpp"
#include <cstdint>
#include <optional>
#include <string>

namespace synclog::core {

enum class command_kind : std::uint8_t {
  save,   // POST: create, or merge into the live record with this id or natural key
  merge,  // PUT/PATCH: the record must live; objects merge deeply (RFC 7396)
  remove, // DELETE
  revert, // the fields, all of them given, are an earlier version's: they become the record's, also after a
          // delete
};

// 409 for a version named in the body, 412 for one named by If-Match.
enum class version_source : std::uint8_t { body, header };

struct command {
  const core::entity* definition = nullptr;
  command_kind kind = command_kind::save;
  std::string id;     // empty: by natural key, else a new id
  field_texts fields; // the given ones; unused by remove
  std::optional<std::int64_t> expected_version;
  version_source expected_from = version_source::body;
  bool create_only = false;        // If-None-Match: *
  timestamp created_at;            // revert only: as the version restored has it
  std::string error_pointer;       // prefix of pointers in its problems: "/3" inside an array
  std::optional<problem> rejected; // refused before it got here (validation): keeps its place in a bulk
};

enum class item_status : std::uint8_t { created, updated, unchanged, deleted, reverted, rejected };
std::string_view to_string(item_status status);
std::optional<item_status> item_status_from(std::string_view text);

struct item_outcome {
  item_status status = item_status::rejected;
  std::string id;
  std::int64_t version = 0;
  core::position position; // of the event it made; for unchanged, of the record's latest event
  std::string doc;         // the record as it stands afterwards; empty for rejected
  std::optional<problem> error;
};

} // namespace synclog::core
