// zlib's streams. The checksum and the length at a stream's end are checked by zlib itself.
#include "core/gzip.hpp"
#include <algorithm>
#include <limits>
#include <zlib.h>

namespace synclog::core {

namespace {

constexpr int gzip_window = 15 + 16; // the largest window; 16: gzip's frame instead of zlib's
constexpr int memory_level = 8;      // zlib's own choice
constexpr int level = 6;
constexpr std::size_t piece_bytes = 64u << 10;

// zlib counts in unsigned int.
uInt bounded(std::size_t bytes) {
  return static_cast<uInt>(std::min<std::size_t>(bytes, std::numeric_limits<uInt>::max()));
}

Bytef* input_of(std::string_view in) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(in.data())); // zlib only reads it
}

} // namespace

struct gzip_encoder::state {
  z_stream stream{};

  state() {
    if (deflateInit2(&stream, level, Z_DEFLATED, gzip_window, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
      invariant_broken("zlib does not start");
  }
  ~state() { deflateEnd(&stream); }

  void run(std::string_view in, std::string& out, int flush) {
    char piece[piece_bytes];
    int status = Z_OK;
    do {
      stream.next_in = input_of(in);
      stream.avail_in = bounded(in.size());
      const std::size_t offered = stream.avail_in;
      do {
        stream.next_out = reinterpret_cast<Bytef*>(piece);
        stream.avail_out = sizeof piece;
        status = deflate(&stream, in.size() > offered ? Z_NO_FLUSH : flush);
        if (status == Z_STREAM_ERROR) invariant_broken("zlib's stream is broken");
        out.append(piece, sizeof piece - stream.avail_out);
      } while (stream.avail_out == 0);
      in.remove_prefix(offered - stream.avail_in);
    } while (!in.empty());
    if (flush == Z_FINISH && status != Z_STREAM_END) invariant_broken("zlib does not finish");
  }
};

gzip_encoder::gzip_encoder() : state_(std::make_unique<state>()) {}
gzip_encoder::~gzip_encoder() = default;

void gzip_encoder::encode(std::string_view in, std::string& out) {
  state_->run(in, out, Z_NO_FLUSH);
}

void gzip_encoder::finish(std::string& out) {
  state_->run({}, out, Z_FINISH);
}

struct gzip_decoder::state {
  z_stream stream{};
  bool between = true; // a stream has ended, or none has begun
  bool begun = false;

  state() {
    if (inflateInit2(&stream, gzip_window) != Z_OK) invariant_broken("zlib does not start");
  }
  ~state() { inflateEnd(&stream); }
};

gzip_decoder::gzip_decoder() : state_(std::make_unique<state>()) {}
gzip_decoder::~gzip_decoder() = default;

bool gzip_decoder::complete() const {
  return state_->begun && state_->between;
}

result<void> gzip_decoder::decode(std::string_view& in, std::string& out, std::size_t max_bytes) {
  z_stream& stream = state_->stream;
  const std::size_t begin = out.size();
  out.resize(begin + max_bytes);
  std::size_t filled = begin;
  bool broken = false;
  // Also without input: zlib may still hold back output of what it was given.
  bool more = true;
  while (more && filled < out.size()) {
    if (state_->between) {
      if (in.empty()) break;
      if (state_->begun && inflateReset(&stream) != Z_OK) invariant_broken("zlib's stream is broken");
      state_->between = false;
      state_->begun = true;
    }
    stream.next_in = input_of(in);
    stream.avail_in = bounded(in.size());
    const std::size_t offered = stream.avail_in;
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + filled);
    stream.avail_out = bounded(out.size() - filled);
    const std::size_t room = stream.avail_out;
    const int status = inflate(&stream, Z_NO_FLUSH);
    in.remove_prefix(offered - stream.avail_in);
    filled += room - stream.avail_out;
    more = !in.empty() || stream.avail_out == 0;
    if (status == Z_STREAM_END)
      state_->between = true;
    else if (status == Z_BUF_ERROR)
      more = false; // it needs more input
    else if (status != Z_OK) {
      broken = true;
      break;
    }
  }
  out.resize(filled);
  if (broken) return make_problem(problem_code::malformed, "the compressed data was changed, or is none");
  return {};
}

} // namespace synclog::core
