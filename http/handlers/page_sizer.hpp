// How many rows of a list to ask for at once. Belongs to one request.
#pragma once
#include "projections/list_query.hpp"
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>

namespace synclog::http::handlers {

// How many rows to ask for next, so that a page comes near a number of bytes whatever the records' size.
// Where each page costs the database much (it sorts the table anew for every page when no index has the
// order), pages grow, within bounds.
class page_sizer {
 public:
  using clock = std::chrono::steady_clock;

  explicit page_sizer(std::size_t first_rows) : rows_(first_rows) {}
  std::size_t next() const { return rows_; }
  void saw(std::span<const std::string_view> docs, clock::duration took) {
    // The largest row seen lately counts, not an average: one page of large records must not follow many
    // small ones.
    largest_ -= largest_ / 8;
    for (const auto doc : docs)
      largest_ = std::max(largest_, doc.size());
    if (took > costly_page) target_bytes_ = std::min(target_bytes_ * 4, largest_target_bytes);
    const auto max_rows = target_bytes_ > usual_target_bytes ? projections::max_list_limit : usual_max_rows;
    const auto grown = std::min(max_rows, rows_ * 4);
    // Round numbers: every number of rows is a prepared statement of its own.
    rows_ =
        std::bit_floor(std::clamp<std::size_t>(target_bytes_ / std::max<std::size_t>(1, largest_), 1, grown));
  }

 private:
  static constexpr std::size_t usual_target_bytes = 256u << 10;
  static constexpr std::size_t largest_target_bytes = 4u << 20;
  static constexpr std::size_t usual_max_rows = 2'000;
  static constexpr std::chrono::milliseconds costly_page{40};
  std::size_t rows_;
  std::size_t target_bytes_ = usual_target_bytes;
  std::size_t largest_ = 0;
};

} // namespace synclog::http::handlers
