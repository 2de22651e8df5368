// Writers over one or more servers of one database: saves with new branches, deletes and bulks, each under a
// key of its own and sent again, to whichever server answers, until it is settled. Started and stopped by the
// test's thread.
#pragma once
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace synclog::tests::streams {

inline constexpr std::array<std::string_view, 5> load_resources{"clients", "visits", "distributors",
                                                                "appointments", "leave-requests"};
inline constexpr std::array<std::string_view, 4> load_branches{"north", "south", "east", "west"};
// A record that all writers change now and then.
std::string hot_id(std::string_view resource, std::uint64_t number);
inline constexpr std::uint64_t hot_ids = 12; // of each resource

struct load_options {
  int writers = 6;
  std::uint64_t seed = 1;
  std::string prefix = "w";      // of keys and ids: another for each load of a database
  std::size_t events = 1'000;    // about so many, then it ends
  double events_a_second = 500;  // at most
  std::size_t usual_bytes = 200; // of a record's payload, about
  std::vector<std::string> resources{load_resources.begin(), load_resources.end()};
  std::uint64_t large_one_in = 0;                        // a record of 70 KB now and then; 0 = never
  std::function<std::uint16_t(std::size_t server)> port; // 0 while it does not run; all threads call it
  std::size_t servers = 1;
};

class load {
 public:
  explicit load(load_options options);
  ~load();
  load(const load&) = delete;
  load& operator=(const load&) = delete;

  // The newest position that an answer named.
  std::int64_t head() const { return head_; }
  std::size_t events() const { return events_; } // acknowledged
  bool ended() const { return running_ == 0; }
  // Waits until every writer has settled what it is at; true when enough was written and nothing was wrong.
  void join();
  void stop(); // join() without waiting for the wanted number
  // After join().
  const std::vector<std::string>& problems() const { return problems_; }
  std::string summary() const;

 private:
  struct writer;
  struct planned {
    std::string request;
    std::size_t events = 1; // at most
    bool may_be_missing = false;
  };
  void work(int number);
  planned plan(writer& self);
  bool settle(writer& self, const planned& wanted);
  bool rest_until(std::chrono::steady_clock::time_point when);
  void note(std::string problem);

  load_options options_;
  std::atomic<std::int64_t> head_{0};
  std::atomic<std::size_t> events_{0}, requests_{0}, unanswered_{0}, refused_{0};
  std::atomic<int> running_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::string> problems_;
  std::vector<std::thread> threads_;
};

} // namespace synclog::tests::streams
