// One thread of subscribers: see subscribers.hpp. Opens its part, a bounded number at a time, and reads until
// told to end.
#pragma once
#include "tools/load/response_reader.hpp"
#include "tools/load/stream_event.hpp"
#include "tools/load/stream_frames.hpp"
#include "tools/load/subscribers.hpp"
#include <atomic>

namespace synclog::tools::load {

class subscriber_thread {
 public:
  // Takes subscribers `number`, `number` + threads, … of the plan, which outlives it.
  subscriber_thread(const subscription_plan& plan, std::size_t number);
  ~subscriber_thread();
  subscriber_thread(const subscriber_thread&) = delete;
  subscriber_thread& operator=(const subscriber_thread&) = delete;

  // Until the stop. Throws nothing; what went wrong is among the figures.
  void run(std::stop_token stop);

  // Any thread.
  std::size_t ready() const { return ready_; }
  bool refused() const { return refused_; } // one could not be opened: first_error() says why
  std::uint64_t received() const { return received_; }
  std::uint64_t lost() const { return lost_; }
  void watch(const run_clock& clock) { clock_ = &clock; }
  // After run().
  const subscriber_figures& figures() const { return figures_; }

 private:
  enum class stage : std::uint8_t { unopened, connecting, answering, subscribing, ready, lost };
  struct one {
    int fd = -1;
    stage at = stage::unopened;
    bool knows_cursor = false;
    std::uint64_t cursor = 0;
    response_reader answer;
    sse_lines lines;
    ws_frames frames;
  };
  struct sink; // what the frames of one are given to

  void begin_more();
  void begin(std::size_t index);
  void on_event(std::size_t index);
  void read(std::size_t index);
  bool take_answer(std::size_t index, std::string_view& bytes);
  void answered(std::size_t index);
  bool take_body(std::size_t index, std::string_view bytes);
  void take_event(one& subscriber, std::string_view text);
  void take_control(std::size_t index, std::string_view text);
  void became_ready(one& subscriber);
  void lose(std::size_t index, std::string_view why);
  void mark_time();
  std::size_t plan_index(std::size_t index) const { return number_ + index * plan_.threads; }

  const subscription_plan& plan_;
  std::size_t number_;
  int epoll_;
  std::vector<one> all_;
  std::size_t begun_ = 0;
  std::vector<char> buffer_;
  begin_finder finder_;
  std::int64_t now_ = 0, wall_offset_ = 0; // of the bytes at hand; wall clock minus monotonic
  double cpu_from_ = -1;
  bool cpu_taken_ = false;
  subscriber_figures figures_;

  std::atomic<std::size_t> ready_{0};
  std::atomic<bool> refused_{false};
  std::atomic<std::uint64_t> received_{0}, lost_{0};
  std::atomic<const run_clock*> clock_{nullptr};
};

} // namespace synclog::tools::load
