// One client of a swarm: follows one subscription by SSE or one or more by a WebSocket, over as many
// connections as it takes, and ends them in every way that clients do. Belongs to one thread of its swarm;
// the members marked so may be asked by any.
#pragma once
#include "tests/streams/ledger.hpp"
#include "tests/streams/told.hpp"
#include "tests/support/http_client.hpp"
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace synclog::tests::streams {

enum class transport : std::uint8_t { sse, websocket };

struct subscriber_options {
  transport by = transport::sse;
  std::vector<interest> interests{};             // one for SSE
  std::string from{};                            // a cursor, a position, "" = from now
  bool restless = false;                         // reconnects at random while the swarm is restless …
  std::chrono::milliseconds longest_life{4'000}; // … after this time at the latest
  envelope_depth depth = envelope_depth::whole;
  // WebSocket: changes its filters in mid-stream now and then, and opens and ends further subscriptions.
  bool fickle = false;
};

// What all subscribers of a swarm count; any thread.
struct swarm_counters {
  std::atomic<std::uint64_t> connections{0}, frames{0}, byes{0}, refused{0};
  std::atomic<std::uint64_t> orderly_ends{0}, resets{0}, cut_frames{0}; // by the clients
  std::atomic<std::uint64_t> lost{0};                                   // by the server
  std::atomic<std::uint64_t> commands{0};                               // of fickle ones, answered
};

struct swarm_settings {
  std::function<std::uint16_t(std::size_t server)> port; // 0 while it does not run; any thread
  std::size_t servers = 1;
  std::function<void(std::string_view recorded_at)> on_event{}; // of an event just received; may be empty
  std::atomic<bool> restless{true};
  std::atomic<bool> fickle{true};
  swarm_counters counters{};
};

class subscriber {
 public:
  using clock = std::chrono::steady_clock;

  // `shared` outlives it.
  subscriber(subscriber_options options, std::uint64_t seed, swarm_settings& shared);

  // The loop's calls. The descriptor is another one whenever the number of the connection is.
  int descriptor() const { return wire_ ? wire_->descriptor() : -1; }
  std::uint64_t connection_number() const { return connection_number_; }
  void on_readable();
  void on_time(clock::time_point now); // often
  void leave();                        // at the end

  const std::vector<std::unique_ptr<ledger>>& ledgers() const { return ledgers_; }
  // Any thread: the cursor of the subscription that is furthest behind; -1 before all have begun.
  std::int64_t lowest_cursor() const;
  // Any thread: it has seen something that must not be, and has stopped.
  bool broken() const { return broken_; }
  // After its swarm has stopped: what was wrong, "" = nothing.
  const std::string& problem() const { return problem_; }
  std::string description() const;

 private:
  enum class ending : std::uint8_t { none, orderly, reset, reset_in_frame };

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  void connect(clock::time_point now);
  void plan_end(clock::time_point now);
  void ask_for_stream();
  void ask_for_socket();
  void subscribe_all();
  std::string name_of(std::size_t index) const;
  void read();
  // False when the connection is over.
  bool take_bytes(std::string_view bytes);
  void take(const told& what);
  void take_answer(std::size_t index, const told& what);
  void take_error(const told& what);
  void send(const std::string& bytes);
  void end_connection(ending how, clock::time_point now);
  void lose_connection();
  void hang_up(std::chrono::milliseconds rest);
  void be_fickle(clock::time_point now);
  void change_filter(std::size_t index);
  void change_extra();
  void fail(const std::string& sentence);

  subscriber_options options_;
  swarm_settings& shared_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<ledger>> ledgers_;

  // Of the connection.
  std::unique_ptr<http_client> wire_;
  std::uint64_t connection_number_ = 0;
  std::unique_ptr<stream_decoder> decoder_;
  std::size_t server_ = 0;
  bool subscribe_later_ = false; // behind hello
  bool closing_ = false;         // our close frame has gone out
  ending planned_ = ending::none;
  clock::time_point end_at_{}, closed_by_{};
  std::size_t bytes_left_ = 0; // until reset_in_frame
  std::vector<bool> subscribed_;
  std::vector<std::optional<interest>> changing_; // asked, not yet answered
  clock::time_point next_change_{};
  std::uint64_t extras_ = 0; // further subscriptions so far; the latest may be open
  bool extra_open_ = false, extra_asked_ = false;

  clock::time_point rest_until_{};
  std::atomic<bool> broken_{false};
  std::string problem_;
};

} // namespace synclog::tests::streams
