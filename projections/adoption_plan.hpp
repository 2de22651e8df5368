// Which column of an adopted table becomes what of a record: guessed as the headers of a CSV file are, shown,
// and applied row by row. Pure.
#pragma once
#include "core/csv.hpp"
#include "projections/source_table.hpp"
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace synclog::projections {

struct adoption_options {
  std::vector<std::pair<std::string, std::string>> map{}; // column -> field, or "id"
  std::vector<std::string> skip{};                        // columns that are left out
  std::string branch{};                                   // of rows that have none; "" = as they are
};

// One column, for people to look at.
struct column_guess {
  std::string column, type;
  std::string field; // "id", a field's name, "data.<column>" in the rest object, "" = not taken
  std::string example;
  std::string remark; // why it is not taken, what is wrong with some of the sample
};

class adoption_plan {
 public:
  // Problem bad_request: a name in `options` that is not there, a column that has no place, a branch for an
  // entity without one. `definition` outlives the plan.
  static core::result<adoption_plan> make(const core::entity& definition, std::vector<source_column> columns,
                                          const adoption_options& options);

  // As the API's door validates it; the id is the "id" column's, else the row's key. NULL gives no value.
  // Problem invalid: every error with its pointer.
  core::result<core::input_record> to_record(const source_row& row) const;

  std::vector<column_guess> guesses(std::span<const source_row> sample) const;

 private:
  core::result<std::string> rest_of(const source_row& row) const;
  std::string branch_json() const;

  const core::entity* definition_ = nullptr;
  std::vector<source_column> columns_;
  std::vector<core::csv::column_plan::target> targets_; // beside columns_
  std::vector<std::size_t> fields_;                     // beside columns_, of target::field
  core::csv::column_plan mapped_;                       // over the columns that feed fields and the id
  std::string branch_;
};

} // namespace synclog::projections
