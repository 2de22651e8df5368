// What callers of one server may have at once, and how fast: made by the server, shared by its sessions, held
// by whoever counts against it. Any thread.
#pragma once
#include "core/problem.hpp"
#include "http/limits.hpp"
#include "http/message.hpp"
#include "http/rate_bound.hpp"
#include "http/shares.hpp"
#include <optional>
#include <vector>

namespace prometheus {
struct MetricFamily;
}

namespace synclog::http {

struct quotas {
  explicit quotas(const limits& bounds);

  shares connections; // by address; how many there may be in all is the server's affair
  shares streams;
  shares whole_lists;
  shares searches;
  rate_bound requests;
  rate_bound records;

  // For metrics::add_collector.
  void collect(std::vector<prometheus::MetricFamily>& out) const;
};

// A part in what only so many may do at once. It keeps the quotas.
struct quota_share {
  std::shared_ptr<quotas> of;
  shares::share held;
};

// For a list that goes on behind its first page, and for a search. overloaded, or too_many_requests when the
// caller has as many as he may. Free of bounds when the request has none (it came over no connection).
std::optional<core::problem> enter_whole_list(const request& asked, quota_share& into);
std::optional<core::problem> enter_search(const request& asked, quota_share& into);

// For a bulk of so many records, before it is submitted; the answer to send when the caller has to wait. 0:
// they have not been counted yet.
std::optional<response> refuse_records(const request& asked, std::size_t count);

// too_many_requests, and in how many whole seconds to come again.
response come_again(const core::problem& why, rate_bound::clock::duration in);

} // namespace synclog::http
