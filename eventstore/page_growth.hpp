// How many rows the next statement of a page asks for: few at first; their size tells how many more fit the
// bound. By the largest seen, and at most four times as many: large ones may follow small ones. Pure; one
// page.
#pragma once
#include "eventstore/log_reader.hpp"
#include <algorithm>
#include <cstddef>

namespace synclog::eventstore {

class page_growth {
 public:
  explicit page_growth(page_bounds bounds)
      : bounds_(bounds), rows_(bounds.max_bytes > 0 ? std::min(first_rows, bounds.max_events) : 0) {}

  std::size_t next_rows() const { return rows_; } // 0: the page is complete
  std::size_t bytes_left() const { return bounds_.max_bytes - std::min(bytes_, bounds_.max_bytes); }

  void took(std::size_t bytes) {
    ++taken_;
    bytes_ += bytes;
    largest_ = std::max(largest_, bytes);
  }
  // `was_last`: the statement gave less than it was asked for.
  void ended_statement(bool was_last) {
    const auto room = bytes_left() / std::max<std::size_t>(1, largest_);
    rows_ = was_last ? 0 : std::min({room, rows_ * 4, bounds_.max_events - taken_});
  }

 private:
  static constexpr std::size_t first_rows = 32;
  page_bounds bounds_;
  std::size_t rows_, taken_ = 0, bytes_ = 0, largest_ = 0;
};

} // namespace synclog::eventstore
