// The fields of one record (or of a patch) as canonical JSON texts, one slot per field of the definition.
// One buffer and one span per slot: cheap to fill, move and compare.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::core {

class field_texts {
 public:
  explicit field_texts(std::size_t field_count = 0) : spans_(field_count) {}

  std::size_t size() const { return spans_.size(); }
  bool has(std::size_t index) const { return spans_[index].length != absent; }
  // Precondition: has(index). The view lives until the next set().
  std::string_view get(std::size_t index) const {
    return std::string_view(buffer_).substr(spans_[index].offset, spans_[index].length);
  }
  bool is_null(std::size_t index) const { return get(index) == "null"; }
  // Setting a slot again leaves the old bytes unused in the buffer; records are built once, so that is rare.
  void set(std::size_t index, std::string_view json_text) {
    spans_[index] = {static_cast<std::uint32_t>(buffer_.size()),
                     static_cast<std::uint32_t>(json_text.size())};
    buffer_.append(json_text);
  }
  void reserve(std::size_t bytes) { buffer_.reserve(bytes); }

 private:
  static constexpr std::uint32_t absent = 0xFFFFFFFF;
  struct span {
    std::uint32_t offset = 0;
    std::uint32_t length = absent;
  };
  std::string buffer_;
  std::vector<span> spans_;
};

} // namespace synclog::core
