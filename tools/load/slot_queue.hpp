// Connections that may take a request, in the order in which they became free: a ring of fixed size, in which
// a connection stands once for each free slot. One thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace synclog::tools::load {

class slot_queue {
 public:
  explicit slot_queue(std::size_t most) : ring_(most) {}

  bool empty() const { return count_ == 0; }
  // When full the connection stands in it already, as often as it may: nothing happens.
  void push(std::size_t index) {
    if (count_ < ring_.size()) ring_[(first_ + count_++) % ring_.size()] = static_cast<std::uint32_t>(index);
  }
  // Precondition: not empty.
  std::size_t pop() {
    const auto taken = ring_[first_];
    first_ = (first_ + 1) % ring_.size();
    --count_;
    return taken;
  }
  // All its slots. Linear.
  void remove(std::size_t index) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      const auto one = ring_[(first_ + i) % ring_.size()];
      if (one != index) ring_[(first_ + kept++) % ring_.size()] = one;
    }
    count_ = kept;
  }

 private:
  std::vector<std::uint32_t> ring_;
  std::size_t first_ = 0, count_ = 0;
};

} // namespace synclog::tools::load
