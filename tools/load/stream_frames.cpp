// See stream_frames.hpp.
#include "tools/load/stream_frames.hpp"

namespace synclog::tools::load {

std::string client_frame(ws_code code, std::string_view payload) {
  constexpr std::size_t longest_short = 125, longest_medium = 65'535;
  std::string out(1, static_cast<char>(0x80U | static_cast<unsigned>(code)));
  std::size_t length_bytes = 0;
  if (payload.size() <= longest_short) {
    out.push_back(static_cast<char>(0x80U | payload.size()));
  } else {
    length_bytes = payload.size() <= longest_medium ? 2 : 8;
    out.push_back(static_cast<char>(0x80U | (length_bytes == 2 ? 126U : 127U)));
  }
  for (std::size_t i = length_bytes; i > 0; --i)
    out.push_back(static_cast<char>(payload.size() >> (8 * (i - 1)) & 0xffU));
  out.append(4, '\0');
  return out.append(payload);
}

} // namespace synclog::tools::load
