// What one writer sends next, from its own random numbers: creates with ids of its own, updates, deletes,
// saves by natural key into records that all writers share, writes that must be refused, and small bulks of
// both kinds. One thread each.
#pragma once
#include "fault/history.hpp"
#include "fault/wire.hpp"
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <utility>

namespace synclog::tests::fault {

// An operation without attempts and the request that carries it out, ready to be sent again.
struct planned {
  operation op;
  std::string request;
  std::string record_id; // of single writes; "" = the server's choice
};

class request_source {
 public:
  request_source(std::uint64_t seed, int writer);

  planned next();
  planned create(); // a new record, wherever
  // So many new clients of about 700 bytes in one lenient bulk.
  planned large_bulk(std::size_t records);
  // What an acknowledged operation means for later ones.
  void learn(const planned& done);
  bool coin() { return below(2) == 0; }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

 private:
  planned begin(op_kind kind, std::string entity, std::size_t events);
  void finish(planned& wanted, std::string_view method, std::string_view target,
              std::string_view more_headers, std::string_view body) const;
  std::string fresh_id();
  planned update();
  planned remove();
  planned natural_key();
  planned taken_key();
  planned stale_version();
  planned shared_save();
  planned bad_create();
  planned bulk(op_kind kind, bool with_bad_item);

  struct known_record {
    std::string entity;
    std::string id;
  };
  std::mt19937_64 random_;
  std::string prefix_;
  int writer_;
  std::uint64_t number_ = 0;
  std::uint64_t ids_ = 0;
  std::deque<known_record> records_; // acknowledged and not deleted, newest last, bounded
};

// Reads an answer into `made` (status, code, cursor, effects).
void read_answer(const planned& asked, const wire_answer& answer, attempt& made);

} // namespace synclog::tests::fault
