// The rows that bench_direct_batches writes: events and clients of the form that synclog stores, made without
// a server, and their values as arrays for `unnest`. One thread.
#pragma once
#include "core/chain.hpp"
#include "core/event.hpp"
#include "eventstore/pg/types.hpp"
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace synclog::tests::bench {

struct batch_values {
  eventstore::pg::params events;  // of insert_events_sql
  eventstore::pg::params clients; // of insert_clients_sql
};

// Texts of the two statements that batch_values belong to.
extern const char* const insert_events_sql;
extern const char* const insert_clients_sql;

class direct_rows {
 public:
  // Goes on behind the last event of the table; `last` is empty when there is none.
  struct log_end {
    std::int64_t position = 0;
    core::sha256_digest hash{};
  };
  explicit direct_rows(const std::optional<log_end>& last);
  // The next `count` records, each a first version with a time-ordered id of its own.
  batch_values next(std::size_t count);

 private:
  struct client_row {
    core::event event;
    std::string reference, name, phone, email, search_text;
  };
  client_row make_row();

  core::chain_hasher hasher_;
  core::sha256_digest last_hash_;
  std::int64_t position_ = 0;
  std::vector<client_row> rows_; // of the latest batch
};

} // namespace synclog::tests::bench
