// The servers whose live side is measured: synclog on its private PostgreSQL, and peers in Node that
// broadcast what they are sent. Each says how to subscribe to it and how to publish; the load is the same for
// all. One thread, which lives as long as they do.
#pragma once
#include "bench/subscribers.hpp"
#include "fault/serving.hpp"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace synclog::tests::bench {

// How events are spread: over this many branches in turn, subscriber i following branch i modulo that; 0 =
// one branch, and nobody filters.
using branch_count = std::size_t;

class live_server {
 public:
  virtual ~live_server() = default;
  virtual std::string name() const = 0;    // "node-ws"
  virtual std::string version() const = 0; // for the table
  virtual std::uint16_t port() const = 0;
  virtual subscriber_plan plan(std::size_t index, branch_count branches) const = 0;
  virtual std::string post(std::uint64_t first, std::size_t count, branch_count branches) const = 0;
  // How many answers such a POST of `count` events brings.
  virtual std::size_t answers(std::size_t) const { return 1; }
  virtual pid_t serving_pid() const = 0;
  virtual double serving_cpu_seconds() const;
  virtual double database_cpu_seconds() const { return 0; }
};

// `server` has been started with the entities of these measurements and outlives this.
std::unique_ptr<live_server> make_synclog(const fault::serving& server, subscriber_plan::wire speaks);

// A Node program of tests/bench/peers/live in one of its modes. Null, with the reason in `missing`, when Node
// or its packages are not there.
std::unique_ptr<live_server> start_node_peer(const std::string& mode, subscriber_plan::wire speaks,
                                             std::string& missing);

// nginx with nchan, unpacked into build/peers by tests/bench/peers/install; WebSocket. Null, with the reason
// in `missing`, when it is not there.
std::unique_ptr<live_server> start_nchan_peer(std::string& missing);

// What all broadcasters are given: envelope `number` of the size and form that synclog sends.
void append_envelope(std::string& out, std::uint64_t number, branch_count branches);
std::string post_head(std::string_view target, std::string_view type, std::size_t bytes);

} // namespace synclog::tests::bench
