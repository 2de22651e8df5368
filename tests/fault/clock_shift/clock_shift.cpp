// Preloaded into a server under test: its wall clock is off by as many seconds as the file that
// SYNCLOG_TEST_CLOCK names says, eight bytes that a test may change at any moment. The monotonic clock is
// left alone, as a jump of the wall clock leaves it. (libfaketime does the same, but calls the allocator
// while jemalloc asks for the time.) No allocation, no locks.
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

const volatile std::int64_t* map_offset() {
  static const std::int64_t none = 0;
  const char* path = std::getenv("SYNCLOG_TEST_CLOCK");
  const int file = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return &none;
  void* mapped = mmap(nullptr, sizeof none, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return mapped == MAP_FAILED ? &none : static_cast<const std::int64_t*>(mapped);
}

std::int64_t offset_seconds() {
  // Looked up by whoever comes first; two at once map it twice, and nothing is wrong.
  static const volatile std::int64_t* offset = nullptr;
  if (offset == nullptr) offset = map_offset();
  return *offset;
}

} // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  const long failed = syscall(SYS_clock_gettime, clock, out);
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    out->tv_sec += offset_seconds();
  return static_cast<int>(failed);
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec now{};
  const int failed = clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1'000;
  return failed;
}

std::time_t time(std::time_t* out) noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
}
