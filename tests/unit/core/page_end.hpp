// Arrays that end where readable memory ends: one byte behind them is a crash, in every build. GCC 12
// optimises the address sanitizer's checks away in RapidJSON's decoder, so that reading past a text went
// unseen.
#pragma once
#include <cstddef>

namespace synclog::tests {

// While it lives, what its thread gets by `new char[n]` lies at the end of a page, and the next one is
// closed. Such an array must be deleted by the same thread. Not aligned: for arrays of bytes only.
class arrays_at_page_end {
 public:
  static constexpr std::size_t max_arrays = 16; // at a time; over it they come from the heap

  arrays_at_page_end();
  ~arrays_at_page_end();
  arrays_at_page_end(const arrays_at_page_end&) = delete;
  arrays_at_page_end& operator=(const arrays_at_page_end&) = delete;
};

} // namespace synclog::tests
