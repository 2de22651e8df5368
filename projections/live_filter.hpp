// A list's filters, search and scope over one record in memory: which events a live query shows. It says of
// every record what the read table's SQL (read_statements) says of its row. Compiled once, immutable
// afterwards: any number of threads may ask the same one.
#pragma once
#include "core/entity.hpp"
#include "projections/list_query.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

class live_filter {
 public:
  // Copies what it needs of `query`; the definition outlives the filter. Order, limit and `after` say nothing
  // about which records belong to a list and are ignored.
  explicit live_filter(const list_query& query);

  // Whether a live record belongs to the list and the caller may see it. `doc` is its canonical text: an
  // event's data, a read table's doc. A field that it lacks is null (an older definition); a text that is no
  // record matches only where nothing is asked. Reads no further than the last member that is needed.
  bool matches(std::string_view doc) const;

  const core::entity& definition() const { return *definition_; }

  // Equal keys = the same predicate, so that subscribers may share one stream. Parameters in another order or
  // spelling give one key, and so do callers that see the same branches.
  const std::string& key() const { return key_; }

 private:
  struct condition {
    comparison op = comparison::equal;
    std::vector<std::string> values; // canonical, sorted, without ""
    bool names_none = false;         // "" was among the values
    bool operator==(const condition&) const = default;
  };
  struct column {
    std::string name;
    core::field_type type = core::field_type::text;
    bool is_searched = false;
    std::vector<condition> conditions; // all of them
    bool passes_null = true;           // what the conditions say of no value
  };

  static bool holds(const condition& asked, core::field_type type, std::optional<std::string_view> value);
  static bool passes(const column& asked, std::string_view json_text);

  column& column_named(const core::column_ref& wanted);
  void add_scope(const core::scope& caller);
  void add_search(const std::string& folded);
  void finish();
  std::string describe() const;
  const column* find(std::string_view name, std::size_t& expected) const;
  bool holds_search(std::string_view json_text) const;
  bool holds_search_across_fields(std::string_view doc) const;

  const core::entity* definition_;
  std::vector<column> columns_; // that matter, as a record has them: bookkeeping first, then the fields
  std::size_t not_null_ = 0;    // of these columns must be there
  std::size_t filtered_ = 0;    // of these columns have conditions
  bool is_empty_ = false;       // the caller sees no branch at all
  std::string search_;          // folded; "" = none
  bool across_fields_ = false;  // the search holds the separator of fields: their joined text is looked at
  std::string scope_;           // the caller's part of the key
  std::string key_;
};

} // namespace synclog::projections
