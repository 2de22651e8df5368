// What the log needs to know of read tables: it updates them in the transaction of the append, through this
// interface that it owns. A log without read tables uses no_projection.
#pragma once
#include "core/entity.hpp"
#include "core/record_state.hpp"
#include "eventstore/pg/types.hpp"
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::eventstore {

// "Who holds this unique value among live records?"
struct unique_probe {
  const core::entity* definition = nullptr;
  std::size_t field_index = 0;
  std::string value; // plain text, not JSON
};

struct unique_holder {
  std::size_t probe = 0; // index into the probes asked
  core::record_state state;
};

// The last state of one record in a batch. Views live until the segment has been sent.
struct record_change {
  const core::entity* definition = nullptr;
  std::string_view id;
  std::string_view doc; // empty = the record is gone
};

class inline_projection {
 public:
  virtual ~inline_projection() = default;
  // Appends queries that find the holders, each with the latest event of its record (from the log). Called
  // under the head lock.
  virtual void add_probes(pg::segment& work, std::span<const unique_probe> probes) const = 0;
  // Reads what add_probes asked: `results` starts with its first query's rows. Returns how many results it
  // consumed.
  virtual std::size_t read_probes(std::span<const pg::rows> results, std::span<const unique_probe> probes,
                                  std::vector<unique_holder>& out) const = 0;
  // Appends upserts and deletes: at most one change a record.
  virtual void add_writes(pg::segment& work, std::span<const record_change> changes) const = 0;
  // Appends one query; read_distrusted takes its rows: the entities of which some unique value is held by no
  // index of the database, so that only add_probes can tell whether it is free.
  virtual void add_trust_query(pg::segment& work) const = 0;
  virtual std::vector<const core::entity*> read_distrusted(const pg::rows& rows) const = 0;
  // The field behind a violated unique constraint of a read table, for the problem's pointer; "" when it is
  // none of ours.
  virtual std::string field_of_constraint(std::string_view table, std::string_view constraint) const = 0;
};

// A log without read tables: nothing is unique, nothing is projected.
class no_projection final : public inline_projection {
 public:
  void add_probes(pg::segment&, std::span<const unique_probe>) const override {}
  std::size_t read_probes(std::span<const pg::rows>, std::span<const unique_probe>,
                          std::vector<unique_holder>&) const override {
    return 0;
  }
  void add_writes(pg::segment&, std::span<const record_change>) const override {}
  void add_trust_query(pg::segment& work) const override { work.add_sql("SELECT"); }
  std::vector<const core::entity*> read_distrusted(const pg::rows&) const override { return {}; }
  std::string field_of_constraint(std::string_view, std::string_view) const override { return {}; }
};

} // namespace synclog::eventstore
