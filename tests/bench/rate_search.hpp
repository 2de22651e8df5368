// Which rate comes next while the highest good one is looked for. Delays do not simply rise with the rate:
// the cores of a machine that is mostly idle wake slowly, so that a hundred events a second may come late
// where a thousand are in time. So the climb goes on behind a rate that was late; what ends it is two of them
// in a row behind a good one (three where none was good yet), one that was too much, or the twelfth step.
#pragma once
#include <cstdint>
#include <optional>

namespace synclog::tests::bench {

class rate_search {
 public:
  enum class verdict : std::uint8_t { good, late, too_much };

  // Rates are positive; none below `lowest` is tried.
  rate_search(double first, double lowest);

  // Empty: it is over.
  std::optional<double> next() const { return next_; }
  // Of the rate that next() named.
  void saw(verdict found);
  double best() const { return best_; } // 0: none was good

 private:
  enum class phase : std::uint8_t { climbing, descending, refining };
  void climb(verdict found);
  void descend();
  void refine();

  double first_, lowest_;
  std::optional<double> next_;
  double best_ = 0;
  double bad_ = 0; // the lowest that failed above the best; 0 = none
  phase phase_ = phase::climbing;
  int late_in_a_row_ = 0, climbed_ = 0, refined_ = 0;
};

} // namespace synclog::tests::bench
