// What the log says of one record: its latest event, as decisions need it.
#pragma once
#include "core/event.hpp"
#include <cstdint>
#include <string>

namespace synclog::core {

struct record_state {
  std::string id;
  std::int64_t version = 0; // of the latest event; 0 = never existed
  core::position position;
  bool live = false; // false: never existed, or deleted
  std::string doc;   // the latest event's data; "" when it never existed
};

} // namespace synclog::core
