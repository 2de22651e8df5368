// How many records the next page of a blocking pass should have, so that pages stay near a size in bytes
// although records differ in theirs. Pure.
#pragma once
#include <algorithm>
#include <cstddef>

namespace synclog::projections {

class page_size {
 public:
  static constexpr std::size_t target_bytes = 16u << 20;
  // A page may meet records of another size than those before it, so whoever reads one cuts it at the target
  // as well. Few rows at most, because all of a page are measured for that.
  static constexpr std::size_t first_rows = 1'000, least_rows = 16, most_rows = 4'000;

  explicit page_size(std::size_t wanted_bytes = target_bytes) : wanted_bytes_(wanted_bytes) {}

  std::size_t rows() const { return rows_; }
  // Grows slowly, because what comes may be larger; shrinks at once.
  void saw(std::size_t rows, std::size_t bytes) {
    const std::size_t average = rows == 0 ? 1 : std::max<std::size_t>(bytes / rows, 1);
    rows_ = std::clamp(wanted_bytes_ / average, least_rows, std::min(rows_ * 2, most_rows));
  }

 private:
  std::size_t wanted_bytes_;
  std::size_t rows_ = first_rows;
};

} // namespace synclog::projections
