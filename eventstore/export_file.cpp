// System calls with their errors as problems. Every wait is a poll() with a short bound, so that a signal
// that sets `stop` just before it is not slept over.
#include "eventstore/export_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace synclog::eventstore {

namespace {

constexpr std::size_t piece_bytes = 256u << 10;
constexpr int poll_ms = 200;

core::problem failed(std::string_view what, const std::string& path, int error,
                     core::problem_code code = core::problem_code::internal) {
  return core::make_problem(
      code, fmt::format("cannot {} {}: {}", what, path, std::system_category().message(error)));
}

core::problem stopped() {
  return core::make_problem(core::problem_code::draining, "stopped");
}

// Returns when the descriptor may be ready, or after poll_ms.
void wait_for(int descriptor, short events) {
  pollfd waited{descriptor, events, 0};
  ::poll(&waited, 1, poll_ms);
}

std::string part_of(const std::string& path) {
  return path + ".part";
}

core::result<void> sync_folder(const std::string& path) {
  auto folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const file_handle opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.descriptor() < 0 || ::fsync(opened.descriptor()) != 0)
    return failed("sync the folder", folder, errno);
  return {};
}

} // namespace

file_handle::file_handle(file_handle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

file_handle& file_handle::operator=(file_handle&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

file_handle::~file_handle() {
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

whole_file::whole_file(file_handle file, std::string path, existing_file existing)
    : file_(std::move(file)), path_(std::move(path)), existing_(existing), unfinished_(!path_.empty()) {}

whole_file::whole_file(whole_file&& other) noexcept
    : file_(std::move(other.file_)), path_(std::move(other.path_)), existing_(other.existing_),
      unfinished_(std::exchange(other.unfinished_, false)), encoder_(std::move(other.encoder_)),
      buffer_(std::move(other.buffer_)), bytes_(other.bytes_) {}

whole_file::~whole_file() {
  if (unfinished_) ::unlink(part_of(path_).c_str());
}

core::result<whole_file> whole_file::create(const std::string& path, existing_file existing,
                                            compression packed) {
  const auto with_encoder = [packed](whole_file made) {
    if (packed == compression::gzip) made.encoder_ = std::make_unique<core::gzip_encoder>();
    return made;
  };
  if (path == "-") return with_encoder(whole_file(file_handle(STDOUT_FILENO), "", existing));
  struct stat found {};
  if (existing == existing_file::keep && ::lstat(path.c_str(), &found) == 0)
    return core::make_problem(core::problem_code::bad_request,
                              fmt::format("{} exists; --force replaces it", path));
  const auto part = part_of(path);
  file_handle file(::open(part.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.descriptor() < 0) return failed("write", part, errno, core::problem_code::bad_request);
  // What a killed export left is taken over; what a running one writes is not.
  if (::flock(file.descriptor(), LOCK_EX | LOCK_NB) != 0)
    return core::make_problem(core::problem_code::bad_request,
                              fmt::format("{} is being written by another export", part));
  // One that ended in between has renamed it: what was opened is its result.
  struct stat opened {
  }, named{};
  if (::fstat(file.descriptor(), &opened) != 0 || ::lstat(part.c_str(), &named) != 0 ||
      opened.st_ino != named.st_ino || opened.st_dev != named.st_dev)
    return core::make_problem(core::problem_code::bad_request,
                              fmt::format("{} was written by another export just now: try again", part));
  if (::ftruncate(file.descriptor(), 0) != 0)
    return failed("write", part, errno, core::problem_code::bad_request);
  return with_encoder(whole_file(std::move(file), path, existing));
}

core::result<void> whole_file::write(std::string_view bytes, const std::atomic<bool>& stop) {
  if (encoder_)
    encoder_->encode(bytes, buffer_);
  else
    buffer_.append(bytes);
  return buffer_.size() < piece_bytes ? core::result<void>() : flush(stop);
}

core::result<void> whole_file::flush(const std::atomic<bool>& stop) {
  std::string_view left(buffer_);
  while (!left.empty()) {
    if (stop) return stopped();
    if (path_.empty()) {
      // A reader that is in no hurry must not keep this from stopping.
      pollfd waited{file_.descriptor(), POLLOUT, 0};
      if (::poll(&waited, 1, poll_ms) == 0) continue;
    }
    // To a pipe no more than surely fits once it is writable, or the write would wait.
    const auto count = path_.empty() ? std::min<std::size_t>(left.size(), 4096) : left.size();
    const auto written = ::write(file_.descriptor(), left.data(), count);
    if (written < 0 && errno == EAGAIN) wait_for(file_.descriptor(), POLLOUT);
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) return failed("write", path_.empty() ? "standard output" : part_of(path_), errno);
    bytes_ += written;
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
  return {};
}

core::result<void> whole_file::finish(const std::atomic<bool>& stop) {
  if (encoder_) encoder_->finish(buffer_);
  if (auto flushed = flush(stop); !flushed) return flushed;
  if (path_.empty()) return {};
  if (::fsync(file_.descriptor()) != 0) return failed("write", part_of(path_), errno);
  if (auto named = give_name(); !named) return named;
  unfinished_ = false;
  return sync_folder(path_);
}

core::result<void> whole_file::give_name() {
  const auto part = part_of(path_);
  const bool keep = existing_ == existing_file::keep;
  // Not all file systems know the flag; there, a file that appeared since create() is looked for once more.
  if (keep && ::renameat2(AT_FDCWD, part.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0) return {};
  struct stat found {};
  if (keep && (errno == EEXIST || ::lstat(path_.c_str(), &found) == 0))
    return core::make_problem(core::problem_code::bad_request,
                              fmt::format("{} exists; --force replaces it", path_));
  if (::rename(part.c_str(), path_.c_str()) != 0) return failed("rename", part, errno);
  return {};
}

core::result<line_source> line_source::open(const std::string& path) {
  if (path == "-") return line_source(file_handle(STDIN_FILENO));
  file_handle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.descriptor() < 0) return failed("read", path, errno, core::problem_code::bad_request);
  struct stat found {};
  if (::fstat(file.descriptor(), &found) == 0 && S_ISDIR(found.st_mode))
    return failed("read", path, EISDIR, core::problem_code::bad_request);
  return line_source(std::move(file));
}

core::result<std::optional<std::string_view>> line_source::next(const std::atomic<bool>& stop) {
  ++line_;
  while (true) {
    const auto end = text_.find('\n', looked_);
    if (end != std::string::npos) {
      const auto line = std::string_view(text_).substr(used_, end - used_);
      used_ = looked_ = end + 1;
      return std::optional(line);
    }
    looked_ = text_.size();
    if (text_.size() - used_ > max_line_bytes)
      return core::make_problem(core::problem_code::malformed,
                                fmt::format("is longer than {} bytes", max_line_bytes));
    if (at_end_) {
      if (used_ == text_.size()) return std::optional<std::string_view>();
      return core::make_problem(core::problem_code::malformed, "is cut off");
    }
    if (broken_) return *broken_;
    text_.erase(0, used_);
    looked_ -= used_;
    used_ = 0;
    if (auto filled = fill(stop); !filled) return filled.error();
  }
}

// More text, or the end of it.
core::result<void> line_source::fill(const std::atomic<bool>& stop) {
  // Two bytes tell whether it is compressed; a pipe may give them one by one.
  while (!begun_ && packed_.size() < core::gzip_magic.size() && !file_ended_)
    if (auto read = read_file(stop); !read) return read;
  if (!begun_ && packed_.starts_with(core::gzip_magic)) decoder_ = std::make_unique<core::gzip_decoder>();
  begun_ = true;
  if (packed_.empty() && !file_ended_)
    if (auto read = read_file(stop); !read) return read;
  if (!decoder_) {
    text_ += packed_;
    packed_.clear();
    at_end_ = file_ended_;
    return {};
  }
  std::string_view left(packed_);
  const auto before = text_.size();
  if (auto decoded = decoder_->decode(left, text_, piece_bytes); !decoded) broken_ = decoded.error();
  packed_.erase(0, packed_.size() - left.size());
  at_end_ = !broken_ && file_ended_ && packed_.empty() && text_.size() == before;
  if (at_end_ && !decoder_->complete())
    return core::make_problem(core::problem_code::malformed, "is cut off: the compressed data ends here");
  return {};
}

core::result<void> line_source::read_file(const std::atomic<bool>& stop) {
  const auto begin = packed_.size();
  packed_.resize(begin + piece_bytes);
  ssize_t count = -1;
  while (count < 0) {
    if (stop) return stopped();
    pollfd waited{file_.descriptor(), POLLIN, 0};
    if (::poll(&waited, 1, poll_ms) == 0) continue;
    count = ::read(file_.descriptor(), packed_.data() + begin, piece_bytes);
    if (count < 0 && errno != EINTR && errno != EAGAIN) return failed("read", "the file", errno);
  }
  packed_.resize(begin + static_cast<std::size_t>(count));
  file_ended_ = count == 0;
  return {};
}

} // namespace synclog::eventstore
