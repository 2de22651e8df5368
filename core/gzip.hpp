// gzip (RFC 1952) of a stream of bytes, piece by piece; memory is zlib's window and the pieces given. Pure:
// no file is touched. Each object from one thread at a time.
#pragma once
#include "core/problem.hpp"
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace synclog::core {

// What every gzip stream begins with.
inline constexpr std::string_view gzip_magic = "\x1f\x8b";

class gzip_encoder {
 public:
  gzip_encoder();
  ~gzip_encoder();
  gzip_encoder(const gzip_encoder&) = delete;
  gzip_encoder& operator=(const gzip_encoder&) = delete;

  // Appends to `out` what is ready of it.
  void encode(std::string_view in, std::string& out);
  // Appends the end of the stream; nothing may follow.
  void finish(std::string& out);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

// Several streams one behind the other count as one, as gzip(1) has it.
class gzip_decoder {
 public:
  gzip_decoder();
  ~gzip_decoder();
  gzip_decoder(const gzip_decoder&) = delete;
  gzip_decoder& operator=(const gzip_decoder&) = delete;

  // Appends at most `max_bytes` to `out` and takes from the front of `in` what was used for them: a little of
  // `in` may come to very much. Problem malformed: the bytes are no gzip stream, or were changed.
  result<void> decode(std::string_view& in, std::string& out, std::size_t max_bytes);
  // Whether what was decoded so far is whole: more may follow, but nothing is missing.
  bool complete() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace synclog::core
