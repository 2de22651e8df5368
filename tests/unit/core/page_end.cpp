// The test program's own operator new[]: the heap, or pages. Any thread; the pages are each thread's own.
#include "page_end.hpp"
#include <array>
#include <cstdlib>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace {

struct mapping {
  void* array = nullptr;
  void* pages = nullptr;
  std::size_t bytes = 0;
};

thread_local bool at_page_end = false;
thread_local std::array<mapping, synclog::tests::arrays_at_page_end::max_arrays> mappings;

void* map_array(std::size_t bytes) {
  for (mapping& slot : mappings) {
    if (slot.array != nullptr) continue;
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t used = (bytes + page - 1) / page * page;
    void* pages = mmap(nullptr, used + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return nullptr;
    char* const end = static_cast<char*>(pages) + used;
    mprotect(end, page, PROT_NONE);
    slot = {end - bytes, pages, used + page};
    return slot.array;
  }
  return nullptr;
}

bool unmap_array(void* array) {
  for (mapping& slot : mappings) {
    if (slot.array != array) continue;
    munmap(slot.pages, slot.bytes);
    slot = {};
    return true;
  }
  return false;
}

} // namespace

void* operator new[](std::size_t bytes) {
  void* array = at_page_end && bytes > 0 ? map_array(bytes) : nullptr;
  if (array == nullptr) array = std::malloc(bytes > 0 ? bytes : 1);
  if (array == nullptr) throw std::bad_alloc();
  return array;
}

void operator delete[](void* array) noexcept {
  if (array != nullptr && !unmap_array(array)) std::free(array);
}

void operator delete[](void* array, std::size_t) noexcept {
  operator delete[](array);
}

namespace synclog::tests {

arrays_at_page_end::arrays_at_page_end() {
  at_page_end = true;
}

arrays_at_page_end::~arrays_at_page_end() {
  at_page_end = false;
}

} // namespace synclog::tests
