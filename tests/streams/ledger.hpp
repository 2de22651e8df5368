// What one subscription was told over all its connections, checked on the spot as far as a client can, and
// afterwards against the log. Filled by its subscriber's thread; read by others when that has ended.
#pragma once
#include "tests/streams/log_copy.hpp"
#include "tests/streams/told.hpp"
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace synclog::tests::streams {

struct seen_event {
  std::int64_t position = 0, previous = 0;
  std::uint64_t digest = 0;
};

// A stretch of the log that the subscription followed with one filter, in one history.
struct span {
  interest wanted;
  std::int64_t start = 0;   // behind this position …
  std::int64_t reached = 0; // … to this one, included
  std::vector<seen_event> events;
  std::vector<std::string> cursors; // of control frames
  bool voided = false;              // ended by `resync`
};

class ledger {
 public:
  // `from` is what the first request asks for: a cursor, a position, "" = from now.
  ledger(interest wanted, std::string from, envelope_depth depth = envelope_depth::whole)
      : wanted_(std::move(wanted)), cursor_text_(std::move(from)), depth_(depth) {}

  // What the next request resumes from; "" = from now.
  const std::string& cursor_text() const { return cursor_text_; }
  // -1 before the first answer. Any thread.
  std::int64_t cursor() const { return cursor_; }
  std::uint64_t resyncs() const { return resyncs_; }
  const interest& wanted() const { return wanted_; }

  // All throw std::runtime_error with a sentence when a server says what it must not.
  // The answer to a request that asked from cursor_text(): SSE's hello, a socket's `subscribed`.
  void started(std::string_view at);
  // The socket's answer to a request without a place, with another filter.
  void changed(interest wanted, std::string_view at);
  // An event, or a control frame that moves the cursor.
  void take(const told& what);

  const std::vector<span>& spans() const { return spans_; }

 private:
  void begin_span(std::int64_t at);
  void move_to(std::int64_t at, std::string_view text);

  interest wanted_;
  std::string cursor_text_;
  envelope_depth depth_;
  std::atomic<std::int64_t> cursor_{-1};
  std::atomic<std::uint64_t> resyncs_{0};
  bool expects_resync_ = false; // the answer began elsewhere: only this explains it
  std::vector<span> spans_;
};

// Where a span is not exactly its filtered stretch of the log (once, in order, with the same content, and
// `previous` that skips nothing); at most three sentences.
std::vector<std::string> differences(const span& of, const std::vector<logged>& log);

} // namespace synclog::tests::streams
