// The parts of a rebuild that go over the whole entity on several connections at once: filling the shadow,
// indexing it, comparing it. Private to the rebuild.
#pragma once
#include "projections/layout.hpp"
#include "projections/rebuild.hpp"
#include <map>
#include <set>

namespace synclog::projections {

// A connection of a rebuild: named for the operator, known to the stop.
class rebuild_connection {
 public:
  rebuild_connection(const rebuild_options& options, const std::string& entity);
  ~rebuild_connection();
  rebuild_connection(const rebuild_connection&) = delete;
  rebuild_connection& operator=(const rebuild_connection&) = delete;
  eventstore::pg::plain_connection& operator*() { return db_; }
  eventstore::pg::plain_connection* operator->() { return &db_; }

 private:
  rebuild_stop* stop_;
  eventstore::pg::plain_connection db_;
};

// Throws rebuild_stopped when it was requested.
void check_stop(const rebuild_options& options);

// Values of old events that the definition's columns cannot hold: by field.
struct field_misfits {
  static constexpr std::size_t most_examples = 3;
  struct counted {
    std::int64_t count = 0;
    std::set<std::string> examples; // "CLT-1: abc", the first by id
    void add_example(std::string one);
  };
  std::map<std::string, counted> by_field;
  void add(const field_misfits& other);
};

// Copies each live record's latest event, in the log up to `until` (empty: each page's newest), into
// `shadow`; with an empty name only looks for misfits. Once one is found nothing more is copied, but all are
// counted. Returns the rows copied.
std::int64_t fill_shadow(const rebuild_options& options, const core::entity& definition,
                         const std::string& shadow, std::optional<std::int64_t> until,
                         std::int64_t expected_rows, field_misfits& misfits);

// Builds the chosen indexes, several at once. A unique value that stands twice: query_failed, 23505.
void build_indexes(const rebuild_options& options, const core::entity& definition,
                   const std::vector<table_ddl::index>& chosen);

// The whole table against the log, as far as the table is complete; empty: in each page's own snapshot.
table_differences compare_table(const rebuild_options& options, const core::entity& definition,
                                const std::string& table_name, std::optional<std::int64_t> complete_to,
                                std::int64_t expected_rows);

} // namespace synclog::projections
