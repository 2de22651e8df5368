// Reads a definition file: a JSON Schema with x- keywords; core/entities holds eight. All that is wrong
// with a definition is told at once, each with its pointer.
#include "core/entity.hpp"
#include "core/chain.hpp"
#include "core/entity_field.hpp"
#include "core/field_value.hpp"
#include "core/json.hpp"
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace synclog::core {

namespace {

constexpr std::size_t max_fields = 200;
constexpr std::size_t max_indexes = 8;
constexpr std::size_t max_route_length = 48;
// A B-tree entry holds at most 2,704 bytes; what the columns' own headers take is left out.
constexpr std::size_t max_index_bytes = 2'600;
constexpr std::size_t max_id_bytes = 255;

constexpr std::array<std::string_view, 22> known_keywords{
    "$schema",  "$id",        "$comment", "title",      "description", "type",     "additionalProperties",
    "required", "properties", "examples", "x-revision", "x-table",     "x-prefix", "x-unique",
    "x-key",    "x-filters",  "x-search", "x-order",    "x-branch",    "x-rest",   "x-aliases",
    "x-csv"};
constexpr std::array<std::string_view, 4> reserved_routes{"events", "session", "tickets", "admin"};
constexpr std::array<std::string_view, 10> reserved_parameters{"id",   "dry_run", "map", "cursor", "limit",
                                                               "sort", "search",  "at",  "after",  "version"};

template <std::size_t Count>
bool contains(const std::array<std::string_view, Count>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_route(std::string_view name) {
  if (name.empty() || name.size() > max_route_length || name[0] < 'a' || name[0] > 'z') return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool is_parameter_name(std::string_view name) {
  const auto letter = [](char each) { return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z'); };
  return !name.empty() && name.size() <= max_route_length && letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char each) { return letter(each) || (each >= '0' && each <= '9') || each == '_'; });
}

bool is_container(field_type type) {
  return type == field_type::object || type == field_type::array;
}

class definition_reader {
 public:
  definition_reader(std::string_view name, const json::value& source) : source_(source) {
    made_.name = std::string(name);
    made_.title = made_.name;
    made_.table = made_.name;
    std::replace(made_.table.begin(), made_.table.end(), '-', '_');
  }

  result<entity> run() {
    read_head();
    read_fields();
    read_required();
    read_unique();
    read_filters();
    read_search();
    read_order();
    read_indexes();
    made_.branch_field = read_field_reference("x-branch", field_type::text, "a text");
    made_.rest_field = read_field_reference("x-rest", field_type::object, "an object");
    read_aliases();
    read_csv();
    bound_indexed_texts();
    read_defaults();
    if (errors_.empty()) return std::move(made_);
    problem refused = make_problem(problem_code::invalid, "the definition of " + made_.name + " has " +
                                                              std::to_string(errors_.size()) +
                                                              (errors_.size() == 1 ? " error" : " errors"));
    refused.detail += ": " + errors_.front().pointer + " " + errors_.front().detail;
    refused.errors = std::move(errors_);
    return refused;
  }

 private:
  void report(std::string pointer, std::string detail) {
    errors_.push_back({std::move(pointer), std::move(detail)});
  }

  // The keyword's value when it is there and of that kind.
  const json::value* keyword(std::string_view name, json::kind kind, const char* kind_name) {
    const json::value* found = source_.find(name);
    if (found == nullptr) return nullptr;
    if (found->kind == kind) return found;
    report("/" + std::string(name), std::string("must be ") + kind_name);
    return nullptr;
  }

  void read_head() {
    for (const json::member& each : source_.members())
      if (!contains(known_keywords, each.name) && each.name != "x-indexes")
        report("/" + json::pointer_segment(each.name), "is no keyword that is understood here");
    const json::value* type = source_.find("type");
    if (type == nullptr || type->kind != json::kind::string || type->text != "object")
      report("/type", "must be \"object\"");
    const json::value* additional = source_.find("additionalProperties");
    if (additional == nullptr || additional->kind != json::kind::boolean || additional->boolean)
      report("/additionalProperties",
             "must be false: a record has the fields of its definition and no others");
    if (!is_route(made_.name)) report("", "is no route name: lower-case letters, digits and -, at most 48");
    if (contains(reserved_routes, made_.name))
      report("", "is a route that the server uses itself: " + made_.name);
    if (const auto* title = keyword("title", json::kind::string, "a text");
        title != nullptr && !title->text.empty())
      made_.title = std::string(title->text);
    if (const auto* table = keyword("x-table", json::kind::string, "a text"))
      made_.table = std::string(table->text);
    if (!is_plain_name(made_.table, 40) || made_.table.starts_with("pg_"))
      report("/x-table", "is no table name: lower-case letters, digits and _, at most 40");
    read_prefix();
    read_revision();
  }

  void read_prefix() {
    const json::value* prefix = keyword("x-prefix", json::kind::string, "a text");
    constexpr std::size_t max_prefix = 16;
    const bool good = prefix != nullptr && !prefix->text.empty() && prefix->text.size() <= max_prefix &&
                      std::all_of(prefix->text.begin(), prefix->text.end(), [](char each) {
                        return (each >= 'A' && each <= 'Z') || (each >= '0' && each <= '9');
                      });
    if (good)
      made_.prefix = std::string(prefix->text);
    else
      report("/x-prefix", "must be 1 to 16 capital letters and digits");
  }

  void read_revision() {
    const json::value* revision = source_.find("x-revision");
    if (revision == nullptr) return;
    const char* const end = revision->text.data() + revision->text.size();
    const auto read = std::from_chars(revision->text.data(), end, made_.revision);
    if (revision->kind != json::kind::number || read.ec != std::errc{} || read.ptr != end ||
        made_.revision < 1)
      report("/x-revision", "must be a whole number from 1");
  }

  void read_fields() {
    properties_ = keyword("properties", json::kind::object, "an object");
    if (properties_ == nullptr || properties_->count == 0 || properties_->count > max_fields) {
      report("/properties", "must hold 1 to " + std::to_string(max_fields) + " fields");
      properties_ = nullptr;
      return;
    }
    for (const json::member& property : properties_->members()) {
      made_.field_indexes.emplace(property.name, made_.fields.size());
      made_.fields.push_back(
          core::read_field(property, "/properties/" + json::pointer_segment(property.name), errors_));
    }
  }

  void read_defaults() {
    if (properties_ == nullptr) return;
    for (std::size_t index = 0; index < made_.fields.size(); ++index)
      read_default(properties_->members()[index].value, "/properties/" + made_.fields[index].name,
                   made_.fields[index], errors_);
  }

  // A field that a keyword names at `pointer`.
  std::optional<std::size_t> field_at(const json::value& name, const std::string& pointer) {
    const auto index = name.kind == json::kind::string ? made_.field_index(name.text) : std::nullopt;
    if (!index) report(pointer, "must name a field");
    return index;
  }

  std::optional<column_ref> column_at(const json::value& name, std::string_view text,
                                      const std::string& pointer) {
    auto column = name.kind == json::kind::string ? made_.column(text) : std::nullopt;
    if (column && is_container(column->type)) column.reset();
    if (!column) report(pointer, "must name a field that is no object or array, or a bookkeeping column");
    return column;
  }

  template <class Use>
  void for_each_item(std::string_view list_name, Use use) {
    const json::value* list = keyword(list_name, json::kind::array, "a list");
    if (list == nullptr) return;
    std::size_t index = 0;
    for (const json::value& item : list->items())
      use(item, "/" + std::string(list_name) + "/" + std::to_string(index++));
  }

  void read_required() {
    for_each_item("required", [&](const json::value& item, const std::string& pointer) {
      if (const auto index = field_at(item, pointer)) made_.fields[*index].required = true;
    });
  }

  void read_unique() {
    for_each_item("x-unique", [&](const json::value& item, const std::string& pointer) {
      const auto index = field_at(item, pointer);
      if (!index) return;
      if (made_.fields[*index].type != field_type::text)
        return report(pointer, "only a plain text can be unique");
      made_.fields[*index].unique = true;
      note_indexed(*index);
    });
    const json::value* key = source_.find("x-key");
    if (key == nullptr) return;
    const auto index = field_at(*key, "/x-key");
    if (index && !made_.fields[*index].unique)
      return report("/x-key", "must name a field that x-unique lists");
    made_.natural_key = index;
  }

  void read_filters() {
    const json::value* filters = keyword("x-filters", json::kind::object, "an object");
    if (filters == nullptr) return;
    for (const json::member& each : filters->members()) {
      const std::string pointer = "/x-filters/" + json::pointer_segment(each.name);
      if (!is_parameter_name(each.name)) report(pointer, "is no parameter name");
      if (contains(reserved_parameters, each.name))
        report(pointer, "is a parameter that the server uses itself");
      const auto column = column_at(each.value, each.value.text, pointer);
      if (!column) continue;
      made_.filters.emplace_back(std::string(each.name), column->name);
      note_indexed(column->field_index);
    }
  }

  void read_search() {
    for_each_item("x-search", [&](const json::value& item, const std::string& pointer) {
      const auto index = field_at(item, pointer);
      if (!index) return;
      if (made_.fields[*index].type != field_type::text)
        return report(pointer, "only a plain text is searched");
      made_.search_fields.push_back(*index);
    });
  }

  void read_order() {
    for_each_item("x-order", [&](const json::value& item, const std::string& pointer) {
      const bool descending = item.kind == json::kind::string && item.text.starts_with('-');
      auto column = column_at(item, item.text.substr(descending ? 1 : 0), pointer);
      if (!column) return;
      note_indexed(column->field_index);
      made_.default_order.push_back({std::move(*column), descending});
    });
    if (made_.default_order.empty()) made_.default_order.push_back({*made_.column("created_at"), true});
  }

  void read_indexes() {
    for_each_item("x-indexes", [&](const json::value& list, const std::string& pointer) {
      if (made_.indexes.size() == max_indexes)
        return report(pointer, "is one index too many: each taxes every write");
      if (list.kind != json::kind::array || list.count == 0)
        return report(pointer, "must be a list of columns");
      std::vector<std::string> columns;
      std::size_t position = 0;
      for (const json::value& item : list.items()) {
        const auto column = column_at(item, item.text, pointer + "/" + std::to_string(position++));
        if (!column) return;
        note_indexed(column->field_index);
        columns.push_back(column->name);
      }
      made_.indexes.push_back(std::move(columns));
    });
  }

  std::optional<std::size_t> read_field_reference(std::string_view name, field_type type,
                                                  const char* type_name) {
    const json::value* given = source_.find(name);
    if (given == nullptr) return std::nullopt;
    const std::string pointer = "/" + std::string(name);
    const auto index = field_at(*given, pointer);
    if (!index) return std::nullopt;
    if (made_.fields[*index].type != type) {
      report(pointer, std::string("must name a field that is ") + type_name);
      return std::nullopt;
    }
    if (name == "x-branch") note_indexed(index);
    return index;
  }

  void read_aliases() {
    const json::value* aliases = keyword("x-aliases", json::kind::object, "an object");
    if (aliases == nullptr) return;
    for (const json::member& each : aliases->members()) {
      const std::string pointer = "/x-aliases/" + json::pointer_segment(each.name);
      if (!is_parameter_name(each.name)) report(pointer, "is no name for a field");
      if (each.name == "expected_version" || made_.column(each.name))
        report(pointer, "already names a column of its own");
      if (const auto index = field_at(each.value, pointer))
        made_.aliases.emplace(each.name, made_.fields[*index].name);
    }
  }

  void read_csv() {
    const json::value* csv = keyword("x-csv", json::kind::object, "an object");
    if (csv == nullptr) return;
    csv_mapping mapping;
    const json::value* key = csv->find("key");
    const json::value* columns = csv->find("columns");
    for (const json::member& each : csv->members())
      if (each.name != "key" && each.name != "columns")
        report("/x-csv/" + json::pointer_segment(each.name), "is no keyword that is understood here");
    if (columns == nullptr || columns->kind != json::kind::object || columns->count == 0)
      return report("/x-csv/columns", "must map column names to fields");
    std::set<std::size_t> mapped;
    for (const json::member& each : columns->members()) {
      const std::string pointer = "/x-csv/columns/" + json::pointer_segment(each.name);
      const auto index = field_at(each.value, pointer);
      if (!index) continue;
      if (!mapped.insert(*index).second) report(pointer, "feeds a field that another column feeds");
      mapping.columns.emplace_back(std::string(each.name), made_.fields[*index].name);
    }
    if (key == nullptr || key->kind != json::kind::string || columns->find(key->text) == nullptr)
      return report("/x-csv/key", "must be one of the columns");
    mapping.key_column = std::string(key->text);
    made_.csv = std::move(mapping);
  }

  void note_indexed(std::optional<std::size_t> index) {
    if (index) indexed_.insert(*index);
  }

  std::size_t bytes_of(std::string_view column_name) const {
    const auto index = made_.field_index(column_name);
    if (index && made_.fields[*index].type == field_type::text) return made_.fields[*index].max_length * 4;
    return column_name == "id" ? max_id_bytes : 16;
  }

  // Texts that stand in a B-tree are bounded, and so is what one entry of each index can hold: a value that
  // is too long for an index would otherwise fail inside the commit.
  void bound_indexed_texts() {
    for (const std::size_t index : indexed_) {
      field& each = made_.fields[index];
      if (each.type != field_type::text) continue;
      if (each.max_length == 0) each.max_length = indexed_max_length;
      if (each.max_length > indexed_max_length)
        report("/properties/" + each.name + "/maxLength",
               "must be at most " + std::to_string(indexed_max_length) +
                   " for a field that is unique, filtered or sorted");
    }
    std::size_t order_bytes = max_id_bytes;
    for (const order_key& key : made_.default_order)
      order_bytes += bytes_of(key.column.name);
    if (order_bytes > max_index_bytes)
      report("/x-order", "is too wide for an index: lower the texts' maxLength");
    for (std::size_t at = 0; at < made_.indexes.size(); ++at) {
      std::size_t bytes = order_bytes;
      for (const std::string& column : made_.indexes[at])
        bytes += bytes_of(column);
      if (bytes > max_index_bytes)
        report("/x-indexes/" + std::to_string(at),
               "is too wide for an index together with x-order: lower the texts' maxLength");
    }
  }

  const json::value& source_;
  const json::value* properties_ = nullptr;
  entity made_;
  std::set<std::size_t> indexed_;
  std::vector<field_error> errors_;
};

} // namespace

result<entity> parse_entity(std::string_view name, std::string_view json_text) {
  auto parsed = json::parse(json_text);
  if (!parsed) return std::move(parsed).error();
  if (!parsed->defects().empty()) {
    problem refused =
        make_problem(problem_code::invalid, "the definition of " + std::string(name) + " cannot be used");
    for (const json::defect& each : parsed->defects())
      refused.errors.push_back({each.pointer, each.detail});
    return refused;
  }
  auto made = definition_reader(name, parsed->root()).run();
  if (!made) return made;
  made->definition_json = std::string(json_text);
  std::string canonical = made->name + "\n";
  json::append_value(canonical, parsed->root());
  made->fingerprint = sha256(canonical);
  return made;
}

} // namespace synclog::core
