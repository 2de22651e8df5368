// See log_lines.hpp.
#include "tools/log_lines.hpp"

#include "tools/event_line.hpp"
#include <spdlog/pattern_formatter.h>
#include <string_view>

namespace synclog::tools {

namespace {

class harmless_message final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& entry, const std::tm&, spdlog::memory_buf_t& out) override {
    const auto text = harmless(std::string_view(entry.payload.data(), entry.payload.size()));
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<harmless_message>();
  }
};

} // namespace

std::unique_ptr<spdlog::formatter> make_log_formatter() {
  auto made = std::make_unique<spdlog::pattern_formatter>();
  made->add_flag<harmless_message>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %*");
  return made;
}

} // namespace synclog::tools
