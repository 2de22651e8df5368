// An entity is data: one JSON file (a JSON Schema with a few x- keywords) that defines the read table,
// routes, stream, CSV and search. Immutable after load; shared between threads by const pointer.
#pragma once
#include "core/ids.hpp"
#include "core/problem.hpp"
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synclog::core {

enum class field_type : std::uint8_t { text, number, integer, boolean, date, time, timestamp, object, array };

struct field {
  std::string name;
  field_type type = field_type::text;
  bool required = false;
  bool unique = false;
  std::uint32_t max_length = 0;            // characters, text only; 0 = the general bound
  int max_decimals = -1;                   // numbers only; -1 = any
  std::string default_json = "null";       // canonical JSON, used on create when the field is absent or null
  std::vector<std::string> allowed_values; // "enum"; empty = any
  std::string title;
  std::string nested_schema; // JSON Schema text for the inside of an object or array; empty = any
};

// Columns that every read table has besides the fields. They sort and filter like fields.
enum class bookkeeping : std::uint8_t { id, version, position, created_at, updated_at };

// A column of a read table by name: a field of the definition or one of the bookkeeping columns.
struct column_ref {
  std::string name;
  field_type type = field_type::text;
  std::optional<std::size_t> field_index; // empty for bookkeeping columns
};

struct order_key {
  column_ref column;
  bool descending = false;
};

struct csv_mapping {
  std::string key_column;                                   // the map applies when this header is present
  std::vector<std::pair<std::string, std::string>> columns; // header -> field
};

struct entity {
  std::string name;  // route and resource name: "stock-requests"
  std::string table; // read table in schema public: "stock_requests"
  std::string title;
  std::string prefix; // "REQ"
  std::int64_t revision = 1;
  std::vector<field> fields;              // in the order of the definition: the order of the canonical record
  std::optional<std::size_t> natural_key; // x-key, a unique field
  std::vector<std::pair<std::string, std::string>> filters; // query name -> column name
  std::vector<std::size_t> search_fields;
  std::vector<order_key> default_order;          // without the final id tie-break
  std::vector<std::vector<std::string>> indexes; // x-indexes: equality columns before the default order
  std::optional<std::size_t> branch_field;
  std::optional<std::size_t> rest_field;                   // object that takes unmapped CSV columns
  std::map<std::string, std::string, std::less<>> aliases; // other spelling -> field name
  std::optional<csv_mapping> csv;
  sha256_digest fingerprint{}; // over the canonical definition
  std::string definition_json; // the file as loaded

  std::optional<std::size_t> field_index(std::string_view field_name) const;
  // A field or alias, exactly as written (case matters in JSON).
  std::optional<std::size_t> field_or_alias(std::string_view name) const;
  // A field or a bookkeeping column.
  std::optional<column_ref> column(std::string_view name) const;

  std::map<std::string, std::size_t, std::less<>> field_indexes; // filled at load
};

// Reads one definition. `name` is the route (the file's name without .json). Problems say what is wrong and
// where (pointer). Refuses reserved names: routes events, session, tickets, admin; filter names id, dry_run,
// map, cursor, limit, sort, search, at, after, version; field names that collide with bookkeeping.
result<entity> parse_entity(std::string_view name, std::string_view json_text);

// All entities of a server, sorted by name. Not changed after start, so pointers into it stay good.
class catalog {
 public:
  // The eight embedded definitions, plus those of `directory` when it is not empty (same name = replaces, by
  // x-revision).
  static result<catalog> load(const std::string& directory);
  static result<catalog> from(std::vector<entity> entities);

  const entity* find(std::string_view name) const; // nullptr when unknown
  const std::vector<std::unique_ptr<const entity>>& all() const { return entities_; }

 private:
  std::vector<std::unique_ptr<const entity>> entities_;
  std::map<std::string, const entity*, std::less<>> by_name_;
};

// The embedded definition files: {"clients.json", text}.
std::span<const std::pair<std::string_view, std::string_view>> embedded_entity_files();

} // namespace synclog::core
