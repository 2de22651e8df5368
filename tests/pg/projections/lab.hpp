// What the tests of read tables share: a migrated database with read tables, a log that is written to
// directly (the hash chain is somebody else's test), a fold of its own in memory, and random records of any
// definition.
#pragma once
#include "core/entity.hpp"
#include "core/event.hpp"
#include "core/record.hpp"
#include "eventstore/pg/pool.hpp"
#include "projections/read_table.hpp"
#include "support/cluster.hpp"
#include "support/wait.hpp"
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace synclog::tests {

// The embedded eight and a ninth with every type, names that are SQL words, uniques, searches and mixed
// directions.
const core::catalog& lab_entities();
core::entity parsed_entity(const std::string& name, const std::string& json_text);
extern const char* const exotic_json;

// A new database with the log's schema; read tables are made by the caller or by `lab`.
std::string fresh_log_database();

// What the log says of one record.
struct lab_record {
  std::int64_t version = 0;
  bool live = false;
  std::string doc;
};

struct lab_change {
  const core::entity* definition = nullptr;
  std::string id;
  std::optional<core::field_texts> fields; // empty = delete
};

class lab {
 public:
  explicit lab(const core::catalog& entities = lab_entities());
  ~lab();

  // Appends the changes as events and brings the read tables up to date, in one transaction. A failure leaves
  // nothing behind and is returned.
  std::optional<eventstore::pg::failure> append(const std::vector<lab_change>& changes);
  // Only the events, as if the tables had been away.
  void append_to_log(const std::vector<lab_change>& changes);

  std::string sql(const std::string& statements) const {
    return test_cluster::shared().sql(database, statements);
  }
  std::string conninfo() const { return test_cluster::shared().conninfo(database); }
  eventstore::pg::deadline soon() const { return eventstore::pg::clock::now() + std::chrono::seconds(30); }
  // The row count and every doc of a table, against the fold in memory.
  void check_table(const core::entity& definition) const;

  const core::catalog& entities;
  std::string database;
  io_threads threads;
  eventstore::pg::pool pool;
  projections::read_tables tables;
  std::map<std::string, std::map<std::string, lab_record>> records; // by entity, by id
  std::int64_t head = 0;

 private:
  std::optional<eventstore::pg::failure> write(const std::vector<lab_change>& changes, bool with_tables);
};

// Every slot filled; texts from a small set, so that ties, empty ones and odd characters are common. Unique
// fields get a fresh value or null.
core::field_texts random_fields(const core::entity& definition, std::mt19937_64& random);

// The conditions of verify_tables over the lab's database: "" or the first difference's detail.
std::string table_difference(const lab& where);

} // namespace synclog::tests
