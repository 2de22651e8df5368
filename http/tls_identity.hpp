// The certificate and the key by which this server is known, and the counts of handshakes with them. Two PEM
// files, read at the start and at each reload(); any thread.
#pragma once
#include "core/problem.hpp"
#include "http/seldom.hpp"
#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

struct ssl_st;

namespace prometheus {
struct MetricFamily;
}

namespace synclog::http {

struct tls_files {
  std::string certificate; // the server's own first, then what leads to a root that clients know
  std::string key;         // of the first certificate; not encrypted
};

class tls_identity {
 public:
  // bad_request names the file and says what is wrong with it: missing, no PEM, encrypted, of another
  // certificate. Blocking.
  static core::result<std::shared_ptr<tls_identity>> load(tls_files files);
  // Reads both files again, for connections to come. A failure leaves what was; so does a certificate that is
  // expired, or not valid yet, where the one in use is neither. Blocking.
  core::result<void> reload();

  // Sentences about the pair in use that do not keep it from being used: expired, readable by others.
  std::vector<std::string> doubts() const;
  // "CN=sync.example.org, valid until 2027-02-24T10:00:00Z"
  std::string description() const;
  std::int64_t not_after_s() const; // of the first certificate, in seconds since 1970

  // For a connection that is to be accepted, its owner's. Null: no memory is left.
  ssl_st* accepting() const;

  void note_handshake(bool is_tls_1_3);
  // A line in the log every now and then.
  void note_failure(const boost::asio::ip::address& from, std::string_view why);
  void collect(std::vector<prometheus::MetricFamily>& out) const;

 private:
  struct pair;
  explicit tls_identity(tls_files files) : files_(std::move(files)) {}
  static core::result<std::shared_ptr<const pair>> read(const tls_files& files);
  std::shared_ptr<const pair> in_use() const;

  const tls_files files_;
  mutable std::mutex mutex_; // guards pair_
  std::shared_ptr<const pair> pair_;
  std::atomic<std::uint64_t> by_tls_1_2_{0}, by_tls_1_3_{0}, failures_{0};
  seldom failure_lines_{std::chrono::seconds(10)};
};

} // namespace synclog::http
