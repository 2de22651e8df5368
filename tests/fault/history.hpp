// What the clients of a fault run did and were told: one operation a key, each with the attempts made for it.
// Writers add finished operations from their threads; everything else reads after they have ended.
#pragma once
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests::fault {

enum class op_kind : std::uint8_t {
  create,
  update,
  remove,
  natural_key,
  conditional,
  bad_create,
  lenient_bulk,
  strict_bulk
};
std::string_view to_string(op_kind kind);

// One record that an answer says was written.
struct effect {
  std::string id;
  std::int64_t version = 0;  // 0: the answer does not tell
  std::int64_t position = 0; // 0: the answer does not tell

  bool operator==(const effect&) const = default;
};

// One request that may have reached the server. Times count microseconds from the start of the run.
struct attempt {
  std::int64_t sent_us = 0;
  std::int64_t answered_us = 0;
  std::int64_t ended_us = 0; // when the answer was there, or no longer waited for
  int status = 0;            // 0: no answer
  std::string code;          // of a problem
  std::string cursor;        // Sync-Position
  bool replayed = false;
  std::vector<effect> effects; // of a 2xx answer, in its order
};

struct operation {
  std::string key; // its Idempotency-Key; also written into a field of every record it saves
  op_kind kind = op_kind::create;
  std::string entity;
  int writer = 0;
  std::size_t planned_events = 0; // when nothing but time and chance decides: all or none of them
  std::vector<attempt> attempts;  // in the order sent; never empty in a history
};

enum class verdict : std::uint8_t {
  acknowledged,  // 2xx: must be in the log
  refused,       // 4xx: must not be
  nothing_saved, // 503 that promises it: must not be
  unknown,       // no answer, 500, or outcome_unknown: all of it or nothing
};
std::string_view to_string(verdict told);

verdict verdict_of(const attempt& made);
// Over all attempts: the first definitive answer counts, then any doubt.
verdict verdict_of(const operation& done);
// The attempt that acknowledged it; nullptr when none did.
const attempt* acknowledgement(const operation& done);

// "1042-9f3a6c1e" -> 1042; 0 when it is no cursor.
std::int64_t position_of(std::string_view cursor);

std::string to_json(const operation& done);

class history {
 public:
  // Also appends one JSON line an operation to `path`, unless that is empty.
  explicit history(const std::string& path = {});
  void add(operation done);
  // Not while writers run.
  const std::vector<operation>& operations() const { return operations_; }

 private:
  std::mutex mutex_;
  std::vector<operation> operations_;
  std::ofstream out_;
};

} // namespace synclog::tests::fault
