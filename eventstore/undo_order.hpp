// In which order records get unique values back that others of them still hold. Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace synclog::eventstore {

// What a record holds now and gives back, and what it gets instead: unique values, each a key of its own.
struct value_exchange {
  std::vector<std::string> gives, wants;
};

struct undo_step {
  enum class kind : std::uint8_t {
    clear,   // the record gives up what it holds: somebody in its group waits for it
    restore, // it gets what it wants, and gives back what it holds
  };
  std::size_t record = 0; // index into what was given
  kind what = kind::restore;

  bool operator==(const undo_step&) const = default;
};

// Groups in an order in which each finds free what its records want, as far as others of them hold it. Within
// a group records wait for each other in a circle, or it is one record alone; its steps belong together, and
// at no step do two records hold one value. Every record is restored once. Linear in the values.
std::vector<std::vector<undo_step>> undo_order(std::span<const value_exchange> records);

} // namespace synclog::eventstore
