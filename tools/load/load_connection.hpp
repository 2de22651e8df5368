// One keep-alive connection of the load: its socket, the bytes that wait to be sent, and the requests under
// way in the order they were sent. Knows nothing of schedules. Belongs to one worker, its thread.
#pragma once
#include "tools/load/response_reader.hpp"
#include "tools/load/tally.hpp"
#include "tools/load/target_url.hpp"
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tools::load {

struct under_way {
  std::int64_t due_ns = 0; // when its time begins
  std::int64_t sent_ns = 0;
  std::uint32_t operation = 0;
  std::uint32_t first_branch = 0;
};

class load_connection {
 public:
  enum class stage : std::uint8_t { waiting, connecting, open };

  load_connection() = default;
  ~load_connection() { close(); }
  load_connection(load_connection&& other) noexcept;
  load_connection(const load_connection&) = delete;
  load_connection& operator=(const load_connection&) = delete;

  void set_pipeline(std::size_t slots) { ring_.resize(slots); }

  // Begins to connect; empty when that goes on or is done, else why not. Afterwards the socket is in epoll.
  std::optional<failure> begin(const socket_address& address, int epoll, std::uint64_t index,
                               std::int64_t now);
  // epoll reported it while connecting: stage() is open afterwards, or the failure is returned.
  std::optional<failure> finish_connect(int epoll, std::uint64_t index);
  // The connection is gone, whatever was under way too; it may begin again at `retry_ns`.
  void close(std::int64_t retry_ns = 0);

  // Where the next request's bytes go, followed by push() and send().
  std::string& out() { return out_; }
  void push(const under_way& request) { ring_[(first_ + count_++) % ring_.size()] = request; }
  // As much as the socket takes; what is left goes when epoll says so. How many bytes; errno in `error`, or
  // 0.
  std::size_t send(int epoll, std::uint64_t index, int& error);

  bool has_slot() const { return stage_ == stage::open && count_ < ring_.size(); }
  std::size_t count() const { return count_; }
  const under_way& oldest() const { return ring_[first_]; }
  under_way pop();

  stage where() const { return stage_; }
  int descriptor() const { return fd_; }
  response_reader& reader() { return reader_; }
  std::int64_t since_ns() const { return since_ns_; } // of connecting; waiting: until when
  unsigned failed_connects = 0;

 private:
  void watch(int epoll, std::uint64_t index, std::uint32_t events, int how) const;

  int fd_ = -1;
  stage stage_ = stage::waiting;
  bool watches_out_ = false;
  std::int64_t since_ns_ = 0;
  std::string out_;
  std::size_t out_sent_ = 0;
  response_reader reader_;
  std::vector<under_way> ring_;
  std::size_t first_ = 0, count_ = 0;
};

// What an errno of a connection means.
failure failure_of(int error);

} // namespace synclog::tools::load
