// A handler whose operation lives on the plain heap. Asio keeps the memory of its operations for the next
// one, even a much smaller one that then waits for hours: those that thousands of idle connections wait in
// must not take it.
#pragma once
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <new>
#include <utility>

namespace synclog::http {

template <class T>
struct plain_allocator {
  using value_type = T;
  plain_allocator() = default;
  template <class Other>
  plain_allocator(const plain_allocator<Other>&) {}
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T))); }
  void deallocate(T* what, std::size_t) { ::operator delete(what); }
  friend bool operator==(const plain_allocator&, const plain_allocator&) { return true; }
};

template <class Handler>
class long_wait {
 public:
  using allocator_type = plain_allocator<void>;
  explicit long_wait(Handler handler) : handler_(std::move(handler)) {}
  allocator_type get_allocator() const { return {}; }
  void operator()(boost::system::error_code ec) { handler_(ec); }

 private:
  Handler handler_;
};

} // namespace synclog::http
