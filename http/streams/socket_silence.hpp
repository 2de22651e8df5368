// How long a socket's client may be silent: pinged after a while, over when nothing follows the ping. The
// server's own waiting (a slow reader, a long page) is not the client's silence. Belongs to its session; the
// caller brings the time.
#pragma once
#include <algorithm>
#include <chrono>
#include <optional>

namespace synclog::http::streams {

class socket_silence {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds ping_after{20}, answer_within{40};

  explicit socket_silence(time_point now) : last_heard_(now), last_ping_(now) {}

  void heard(time_point now) {
    last_heard_ = now;
    unanswered_since_.reset();
  }
  // Written out, not only put behind what waits to be written.
  void pinged(time_point now) {
    last_ping_ = now;
    if (!unanswered_since_) unanswered_since_ = now;
  }
  time_point next_ping() const { return std::max(last_heard_, last_ping_) + ping_after; }
  bool is_over(time_point now) const { return unanswered_since_ && now - *unanswered_since_ > answer_within; }

 private:
  time_point last_heard_, last_ping_;
  std::optional<time_point> unanswered_since_; // when the first ping left that nothing has followed
};

} // namespace synclog::http::streams
