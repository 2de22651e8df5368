// See rate_search.hpp.
#include "bench/rate_search.hpp"
#include <algorithm>

namespace synclog::tests::bench {

namespace {

constexpr double growth = 2;
constexpr int most_climbs = 12;
constexpr int halvings = 3; // of the gap between the best rate and the one above it
constexpr int most_late = 2, most_late_at_first = 3;

} // namespace

rate_search::rate_search(double first, double lowest)
    : first_(std::max(first, lowest)), lowest_(lowest), next_(first_) {}

void rate_search::saw(verdict found) {
  if (!next_) return;
  const double rate = *next_;
  if (found != verdict::good) {
    bad_ = bad_ == 0 || rate < bad_ ? rate : bad_;
  } else if (rate > best_) {
    best_ = rate;
    bad_ = bad_ > best_ ? bad_ : 0;
  }
  switch (phase_) {
  case phase::climbing:
    climb(found);
    break;
  case phase::descending:
    found == verdict::good ? refine() : descend();
    break;
  case phase::refining:
    refine();
    break;
  }
}

void rate_search::climb(verdict found) {
  late_in_a_row_ = found == verdict::good ? 0 : late_in_a_row_ + 1;
  const bool is_over = found == verdict::too_much || ++climbed_ == most_climbs ||
                       late_in_a_row_ == (best_ > 0 ? most_late : most_late_at_first);
  if (!is_over) {
    next_ = *next_ * growth;
  } else if (best_ > 0) {
    refine();
  } else {
    next_ = first_; // and one step down from there
    descend();
  }
}

void rate_search::descend() {
  phase_ = phase::descending;
  const double lower = *next_ / growth;
  next_ = lower >= lowest_ ? std::optional(lower) : std::nullopt;
}

void rate_search::refine() {
  phase_ = phase::refining;
  const bool is_over = bad_ == 0 || refined_++ == halvings;
  next_ = is_over ? std::nullopt : std::optional((best_ + bad_) / 2);
}

} // namespace synclog::tests::bench
