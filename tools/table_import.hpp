// Adopts the rows of an ordinary table: each becomes a record of an entity, saved through the committer like
// anybody's. One page of rows is one request; memory is a page.
#pragma once
#include "core/command.hpp"
#include "core/entity.hpp"
#include "eventstore/export_file.hpp"
#include "eventstore/verify_log.hpp"
#include "projections/adoption_plan.hpp"
#include "tools/database_access.hpp"
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace synclog::tools {

// How far a dry run goes.
enum class adoption_mode : std::uint8_t {
  save,
  decide,   // as the committer would, saving nothing
  validate, // without the log, for one whose read tables are not made yet
};

struct table_import_options {
  adoption_mode mode = adoption_mode::save;
  std::string actor;
};

struct rejected_row {
  std::string key;
  std::vector<core::field_error> errors; // never empty
};

struct table_import_report {
  static constexpr std::size_t max_shown = 20;
  std::int64_t rows = 0, created = 0, updated = 0, unchanged = 0, rejected = 0;
  std::vector<rejected_row> shown;    // the first of the rejected
  std::optional<core::problem> ended; // it stopped early; what was saved stands, another run goes on
};

class table_import {
 public:
  // `rejects` may be null: where each rejected row is written as a line of JSON. All of these outlive the
  // object; `context` runs the coroutine.
  table_import(boost::asio::io_context& context, const database_access& database,
               const core::catalog& entities, const core::entity& definition,
               const table_import_options& options, eventstore::whole_file* rejects,
               eventstore::progress_callback progress, const std::atomic<bool>& stop);
  ~table_import();

  // Once. Throws pg::unavailable when the source cannot be read.
  boost::asio::awaitable<void> run(projections::source_table& source, const projections::adoption_plan& plan);
  const table_import_report& report() const { return report_; }

 private:
  struct writer;
  boost::asio::awaitable<void> save(std::vector<core::command> commands);
  void count(const std::vector<core::item_outcome>& items);
  void validate(const std::vector<core::command>& commands);
  void reject(std::string key, const core::problem& why);

  const core::entity& definition_;
  table_import_options options_;
  eventstore::whole_file* rejects_;
  eventstore::progress_callback progress_;
  const std::atomic<bool>& stop_;
  std::unique_ptr<writer> writer_; // null when it only validates
  table_import_report report_;
};

} // namespace synclog::tools
