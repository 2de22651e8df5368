// See checkpoint_files.hpp.
#include "tools/checkpoint_files.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace synclog::tools {

namespace {

// A checkpoint has 500 bytes, a key 200.
constexpr std::size_t most_file_bytes = 64u << 10;

core::problem file_problem(const std::string& path, const std::string& what, int code) {
  return core::make_problem(core::problem_code::bad_request,
                            fmt::format("{}: {}: {}", path, what, std::generic_category().message(code)));
}

core::result<std::string> read_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    return file_problem(path, "cannot be read", errno);
  }
  std::string text(most_file_bytes + 1, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = ::read(file, text.data() + size, text.size() - size)) > 0) {
    size += static_cast<std::size_t>(got);
  }
  const int failed = got < 0 ? errno : 0;
  ::close(file);
  if (failed != 0) {
    return file_problem(path, "cannot be read", failed);
  }
  if (size > most_file_bytes) {
    return core::make_problem(
        core::problem_code::bad_request,
        fmt::format("{}: has more than {} bytes: neither a key nor a checkpoint", path, most_file_bytes));
  }
  text.resize(size);
  return text;
}

// Reads the file and has `parse` make of it what it is to be.
template <class Wanted>
core::result<Wanted> load(const std::string& path, core::result<Wanted> (*parse)(std::string_view)) {
  const auto text = read_file(path);
  if (!text) {
    return text.error();
  }
  auto parsed = parse(*text);
  if (!parsed) {
    auto why = parsed.error();
    why.detail = path + ": " + why.detail;
    return why;
  }
  return parsed;
}

} // namespace

core::result<core::private_key> load_private_key(const std::string& path) {
  return load<core::private_key>(path, &core::private_key::from_pem);
}

core::result<core::public_key> load_public_key(const std::string& path) {
  return load<core::public_key>(path, &core::public_key::from_pem);
}

core::result<loaded_checkpoint> load_checkpoint(const std::string& path, const std::string& public_key_path) {
  const auto read = load<core::signed_checkpoint>(path, &core::read_checkpoint);
  if (!read) {
    return read.error();
  }
  loaded_checkpoint loaded{read->about, read->signer, !public_key_path.empty(), {}};
  if (loaded.key_was_given) {
    const auto given = load_public_key(public_key_path);
    if (!given) {
      return given.error();
    }
    loaded.key = *given;
  }
  if (!core::is_signed_by(*read, loaded.key)) {
    const auto position = read->about.position;
    const auto why =
        read->signer == loaded.key
            ? fmt::format("its signature is not that of key {}: forged or damaged", loaded.key.id())
            : fmt::format("it is not signed by key {}; it names key {}", loaded.key.id(), read->signer.id());
    loaded.forged =
        eventstore::difference{position,
                               "signature",
                               fmt::format("position {}: checkpoint {}: {}", position.value, path, why),
                               {},
                               {},
                               "signature",
                               read->signer.id(),
                               loaded.key.id()};
  }
  return loaded;
}

core::result<void> write_new_file(const std::string& path, const std::string& text, mode_t mode) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) {
    return file_problem(path, errno == EEXIST ? "is left as it is" : "cannot be made", errno);
  }
  int failed = 0;
  for (std::size_t written = 0; written < text.size() && failed == 0;) {
    const auto count = ::write(file, text.data() + written, text.size() - written);
    if (count < 0) {
      failed = errno == EINTR ? 0 : errno;
    } else {
      written += static_cast<std::size_t>(count);
    }
  }
  if (failed == 0 && ::fsync(file) != 0) {
    failed = errno;
  }
  if (::close(file) != 0 && failed == 0) {
    failed = errno;
  }
  if (failed != 0) {
    ::unlink(path.c_str());
    return file_problem(path, "cannot be written", failed);
  }
  return {};
}

} // namespace synclog::tools
