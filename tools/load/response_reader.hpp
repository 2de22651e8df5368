// Reads HTTP/1.1 answers from bytes as they come, whatever their pieces: heads, bodies by Content-Length, by
// chunks or to the end of the connection. Allocates only when a head arrives in pieces. One thread; belongs
// to a connection.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace synclog::tools::load {

class response_reader {
 public:
  static constexpr std::size_t max_head_bytes = 64u << 10;

  struct step {
    std::size_t used = 0;  // bytes that are done with; the caller comes with the rest
    std::string_view body; // a piece of the body without its framing, inside the bytes given
  };
  // Takes a head, or one piece of the body. Uses nothing only of "" and once done or broken.
  step take(std::string_view bytes);
  // The connection has ended in order: completes a body that has no other end.
  void end_of_stream();
  // For the next answer on the connection.
  void reset();

  bool begun() const { return begun_; }
  bool head_complete() const { return stage_ > stage::head; }
  bool done() const { return stage_ == stage::done; }
  // No HTTP, too long a head, a length that is none.
  bool broken() const { return stage_ == stage::broken; }
  int status() const { return status_; }
  bool keeps_connection() const { return keep_; }
  std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  enum class stage : std::uint8_t {
    head,
    counted,
    to_end,
    chunk_size,
    chunk,
    chunk_end,
    trailer,
    done,
    broken
  };

  std::size_t take_head(std::string_view bytes);
  void parse_head(std::string_view head);
  void parse_field(std::string_view line);
  void choose_body();
  step take_counted(std::string_view bytes);
  std::size_t take_chunk_line(std::string_view bytes);
  void end_chunk_line();

  stage stage_ = stage::head;
  bool begun_ = false;
  bool keep_ = true;
  bool chunked_ = false;
  bool has_length_ = false;
  int status_ = 0;
  std::uint64_t left_ = 0; // of the body, or of the chunk
  std::uint64_t body_bytes_ = 0;
  std::string held_; // the beginning of a head, or of a chunk's line
};

} // namespace synclog::tools::load
