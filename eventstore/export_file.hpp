// The files of export and import: a file that is there whole or not at all, and lines of a file that may be
// compressed. Blocking; one thread at a time.
#pragma once
#include "core/gzip.hpp"
#include "core/problem.hpp"
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::eventstore {

// An open file descriptor, closed with the object unless it is one of the standard ones.
class file_handle {
 public:
  explicit file_handle(int descriptor) : descriptor_(descriptor) {}
  file_handle(file_handle&& other) noexcept;
  file_handle& operator=(file_handle&& other) noexcept;
  ~file_handle();
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

enum class existing_file : std::uint8_t { keep, replace };
enum class compression : std::uint8_t { none, gzip };

// Writes PATH.part and gives it its name when it is whole and on the disk; "-" writes to standard output. The
// object takes an unfinished PATH.part away.
class whole_file {
 public:
  // Problem bad_request: there is such a file (and `existing` keeps it), another export writes it, or it
  // cannot be made.
  static core::result<whole_file> create(const std::string& path, existing_file existing, compression packed);
  whole_file(whole_file&&) noexcept;
  whole_file& operator=(whole_file&&) = delete;
  ~whole_file();

  // Waits as long as the file does (a pipe), but ends when `stop` turns true, also while it waits: problem
  // draining. A full disk, a broken pipe: problem internal, in the system's words.
  core::result<void> write(std::string_view bytes, const std::atomic<bool>& stop);
  // To the disk, then its name. Nothing may be written afterwards.
  core::result<void> finish(const std::atomic<bool>& stop);
  std::int64_t bytes() const { return bytes_; } // written so far, as they stand in the file

 private:
  whole_file(file_handle file, std::string path, existing_file existing);
  core::result<void> flush(const std::atomic<bool>& stop);
  core::result<void> give_name();

  file_handle file_;
  std::string path_; // empty: standard output
  existing_file existing_ = existing_file::keep;
  bool unfinished_ = false; // PATH.part is ours to take away
  std::unique_ptr<core::gzip_encoder> encoder_;
  std::string buffer_;
  std::int64_t bytes_ = 0;
};

// Lines of a file, or of standard input for "-"; gzip is recognised by its first bytes.
class line_source {
 public:
  static constexpr std::size_t max_line_bytes = 16u << 20;

  // Problem bad_request: it cannot be opened or read.
  static core::result<line_source> open(const std::string& path);

  // The next line without its line break, valid until the next call; no value at the end. Problems: malformed
  // (a line beyond max_line_bytes, broken compression, or a last line without its line break), draining when
  // `stop` turned true, internal when the file cannot be read.
  core::result<std::optional<std::string_view>> next(const std::atomic<bool>& stop);
  std::uint64_t line() const { return line_; } // of the line that next() gave last, from 1

 private:
  explicit line_source(file_handle file) : file_(std::move(file)) {}
  core::result<void> fill(const std::atomic<bool>& stop);
  core::result<void> read_file(const std::atomic<bool>& stop);

  file_handle file_;
  bool begun_ = false, file_ended_ = false, at_end_ = false;
  std::unique_ptr<core::gzip_decoder> decoder_;
  std::optional<core::problem> broken_; // behind the text that came before it
  std::string packed_;                  // read, not decoded
  std::string text_;                    // decoded
  std::size_t used_ = 0;                // of text_
  std::size_t looked_ = 0;              // of text_: no line break before it
  std::uint64_t line_ = 0;
};

} // namespace synclog::eventstore
