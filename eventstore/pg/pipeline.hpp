// The grammar of libpq's pipeline mode as a pure state machine: told what was sent and what kind of result
// came back, it says whose result that is and when a segment is complete. Knows no libpq and no sockets.
// Owned by one connection and used on its strand.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>

namespace synclog::eventstore::pg {

class pipeline {
 public:
  // What libpq was asked to do for query `query_index` of the segment.
  enum class command_kind : std::uint8_t { prepare, execute };

  enum class result_kind : std::uint8_t {
    rows,    // TUPLES_OK, COMMAND_OK, EMPTY_QUERY
    error,   // FATAL_ERROR
    aborted, // PIPELINE_ABORTED
    sync,    // PIPELINE_SYNC
    null,    // PQgetResult returned NULL
    other,   // COPY, single rows, nonsense: nothing that we ask for
  };

  struct action {
    enum class kind : std::uint8_t {
      none,       // nothing to do; drop the result if there is one
      answered,   // the rows of query `query_index` of the front segment
      prepared,   // the statement of query `query_index` is now known to the server
      unprepared, // it is not: its prepare failed or was skipped. When it failed, `failed` is set too
      failed, // query `query_index` of the front segment was refused; = its number of queries: the commit was
      finished, // the front segment is complete and gone
      broken,   // the grammar is violated: close the connection. Stays so
    };
    kind what = kind::none;
    std::uint32_t query_index = 0;
    bool failed = false; // with `unprepared`: this is also the segment's failure
  };

  // Sending, in the order of the calls to libpq.
  void sent(command_kind kind, std::uint32_t query_index);
  void sent_sync(std::uint32_t queries);

  // Receiving: call for each PQgetResult, while outstanding() > 0. O(1).
  action received(result_kind kind);

  std::size_t outstanding() const { return segments_.size(); } // Syncs not yet answered
  bool broken() const { return broken_; }

  // libpq answers NULL once after each query; more in a row than this while a Sync is owed is a dead
  // connection.
  static constexpr int max_stray_nulls = 8;

 private:
  struct command {
    command_kind kind;
    std::uint32_t query_index;
  };
  struct segment {
    std::uint32_t commands; // not yet answered
    std::uint32_t queries;
  };

  action break_now();
  action on_rows();
  action on_error();
  action on_aborted();
  action on_null();
  action on_sync();
  command take_command();

  std::deque<command> commands_;
  std::deque<segment> segments_;
  std::uint32_t open_commands_ = 0; // sent since the last Sync
  bool null_due_ = false;           // the NULL that ends a query's results has not come yet
  bool failed_ = false;             // the front segment had its error
  bool broken_ = false;
  int stray_nulls_ = 0;
};

} // namespace synclog::eventstore::pg
