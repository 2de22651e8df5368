// See small_disk.hpp. The power is cut by the file system's own switch for it (FS_IOC_SHUTDOWN without a
// flush): the journal and the data that were not forced out are dropped, as file system tests do it.
#include "fault/small_disk.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"
#include "support/wait.hpp"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>
#include <vector>

namespace synclog::tests::fault {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto command_timeout = 60s;
constexpr auto busy_patience = 15s; // until the last of the killed programs has let go
constexpr unsigned long shutdown_request = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t shutdown_without_flush = 2;
constexpr off_t largest_piece = 256 << 20;
constexpr off_t smallest_piece = 4 << 10;

// The words of a command that failed, "" when it did not.
std::string run_command(std::vector<std::string> arguments) {
  const temporary_folder folder;
  const spawn_options how{std::move(arguments), std::nullopt, "/", folder.file("output")};
  const pid_t child = spawn(how);
  const auto status = wait_for_exit(child, command_timeout);
  if (status && *status == 0) return {};
  if (!status) kill(child, SIGKILL);
  return how.arguments[0] + ": " + (status ? text_of(how.log_path) : "does not end");
}

std::string try_one() {
  if (geteuid() != 0) return "mounting needs root";
  if (!fs::exists("/dev/loop-control")) return "there are no loop devices";
  if (!fs::exists("/usr/sbin/mkfs.ext4")) return "there is no mkfs.ext4";
  try {
    const temporary_folder folder;
    fs::create_directory(folder.file("mounted"));
    small_disk disk(folder.file("image"), folder.file("mounted"), 16);
    disk.cut_power();
    disk.power_on();
    return {};
  } catch (const std::runtime_error& failed) {
    return failed.what();
  }
}

} // namespace

const std::string& small_disk::why_not() {
  static const std::string reason = try_one();
  return reason;
}

small_disk::small_disk(std::string file, std::string folder, std::size_t megabytes)
    : file_(std::move(file)), folder_(std::move(folder)) {
  const int image = open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const bool made = image >= 0 && ftruncate(image, static_cast<off_t>(megabytes << 20)) == 0;
  if (image >= 0) close(image);
  if (!made) throw std::runtime_error("cannot make " + file_);
  if (auto words = run_command({"/usr/sbin/mkfs.ext4", "-q", "-m", "0", file_}); !words.empty())
    throw std::runtime_error(words);
  mount();
}

small_disk::~small_disk() {
  unmount_left_over(folder_);
  std::error_code ignored;
  fs::remove(file_, ignored);
}

void small_disk::mount() {
  if (auto words = run_command({"/usr/bin/mount", "-o", "loop", file_, folder_}); !words.empty())
    throw std::runtime_error(words);
}

void small_disk::unmount() {
  const auto gone = [this] { return umount2(folder_.c_str(), 0) == 0; };
  if (!wait_until(gone, busy_patience))
    throw std::runtime_error("cannot unmount " + folder_ + ": " + std::strerror(errno));
}

void small_disk::fill() {
  const int file = open(ballast().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return; // as full as can be
  // Reserved without being written: as full as any other, and at once.
  off_t end = 0;
  for (off_t piece = largest_piece; piece >= smallest_piece;) {
    if (fallocate(file, 0, end, piece) == 0)
      end += piece;
    else
      piece /= 2;
  }
  close(file);
}

void small_disk::make_room() {
  std::error_code ignored;
  fs::remove(ballast(), ignored);
  // Else a power cut within the journal's next seconds brings the file back, and the disk is full again.
  const int root = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return;
  syncfs(root);
  close(root);
}

void small_disk::cut_power() {
  const int root = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  auto how = shutdown_without_flush;
  const bool done = root >= 0 && ioctl(root, shutdown_request, &how) == 0;
  const int error = errno;
  if (root >= 0) close(root);
  if (!done)
    throw std::runtime_error(std::string("the file system cannot be shut down: ") + std::strerror(error));
}

void small_disk::power_on() {
  unmount();
  mount();
}

void unmount_left_over(const std::string& folder) {
  // Lazily, so that a program which still ends does not keep it.
  while (umount2(folder.c_str(), MNT_DETACH) == 0) {
  }
}

} // namespace synclog::tests::fault
