// The pure heart of the write side: state + command -> event, nothing, or a refusal. No I/O; the committer
// loads the state under the head lock and folds a whole batch through it in order.
#pragma once
#include "core/command.hpp"
#include "core/event.hpp"
#include "core/record_state.hpp"
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace synclog::core {

// The records and unique values that a batch touches, as the log has them and as the batch changes them. What
// was not loaded counts as absent: the committer loads everything that decide() may ask for.
class decision_state {
 public:
  // Loading.
  void put(const entity& definition, record_state state);
  void put_holder(const entity& definition, std::size_t field_index, std::string value,
                  std::string record_id);

  // Asking. nullptr: the record never existed.
  const record_state* find(const entity& definition, std::string_view id) const;
  // "" when nobody live holds it.
  std::string_view holder(const entity& definition, std::size_t field_index, std::string_view value) const;

  // Everything since mark() can be taken back: a strict request that fails leaves nothing behind.
  using mark_type = std::size_t;
  mark_type mark() const { return undo_.size(); }
  void roll_back(mark_type to);

  // The batch's own effects; decide() calls these.
  void change(const entity& definition, record_state next);
  void change_holder(const entity& definition, std::size_t field_index, const std::string& value,
                     std::string record_id);

  // Whether a unique value whose holder was not loaded, and which so counted as free, was taken and given up
  // again: nothing that is left at the end speaks for its having been free.
  bool took_unproven_value() const;

 private:
  using key = std::string; // entity, NUL, id; or entity, NUL, field, NUL, value
  static key record_key(const entity& definition, std::string_view id);
  static key holder_key(const entity& definition, std::size_t field_index, std::string_view value);

  struct undo_step {
    bool is_record = false;
    key where;
    std::optional<record_state> state;
    std::optional<std::string> holder;
  };
  std::unordered_map<key, record_state> records_;
  std::unordered_map<key, std::string> holders_;
  std::vector<undo_step> undo_;
};

// What stays the same for one decision.
struct decision_context {
  core::position next; // the position that an event would get
  timestamp recorded_at;
  const scope& caller;
  std::size_t max_record_bytes;
};

struct decision {
  item_outcome outcome;
  std::optional<core::event> event; // without salt, meta and hash
};

// Applies one command; on success the state already shows its effect.
decision decide(decision_state& state, const command& wanted, const decision_context& context);

} // namespace synclog::core
