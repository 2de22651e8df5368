// See quotas.hpp.
#include "http/quotas.hpp"
#include "http/metric_families.hpp"
#include "http/problem_response.hpp"
#include <algorithm>
#include <limits>

namespace synclog::http {

namespace {

using code = core::problem_code;

constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

std::optional<core::problem> enter(const request& asked, shares quotas::*which, const char* what,
                                   quota_share& into) {
  if (!asked.quotas) return std::nullopt;
  into.of = asked.quotas;
  switch (((*into.of).*which).take(asked.account, into.held)) {
  case shares::outcome::taken:
    return std::nullopt;
  case shares::outcome::full:
    return core::make_problem(code::overloaded, std::string("too many ") + what + " at once: try again");
  case shares::outcome::full_for_caller:
    return core::make_problem(code::too_many_requests,
                              std::string("this caller has too many ") + what + " at once: try again");
  }
  core::invariant_broken("outcome out of range");
}

} // namespace

quotas::quotas(const limits& bounds)
    : connections(any_number, bounds.max_connections_per_address),
      streams(bounds.max_streams, bounds.max_streams_per_caller),
      whole_lists(bounds.max_whole_lists, bounds.max_whole_lists_per_caller),
      searches(bounds.max_searches, bounds.max_searches_per_caller), requests(bounds.request_rate),
      records(bounds.record_rate) {}

void quotas::collect(std::vector<prometheus::MetricFamily>& out) const {
  auto family = families::empty("synclog_http_limited_total", "Refused because a limit was reached.",
                                prometheus::MetricType::Counter);
  const auto add = [&family](const char* limit, std::uint64_t refused) {
    auto line = families::labelled({{"limit", limit}});
    line.counter.value = static_cast<double>(refused);
    family.metric.push_back(std::move(line));
  };
  add("connections_per_address", connections.refused());
  add("streams", streams.refused());
  add("whole_lists", whole_lists.refused());
  add("searches", searches.refused());
  add("request_rate", requests.refused());
  add("record_rate", records.refused());
  out.push_back(std::move(family));
}

std::optional<core::problem> enter_whole_list(const request& asked, quota_share& into) {
  return enter(asked, &quotas::whole_lists, "whole lists", into);
}

std::optional<core::problem> enter_search(const request& asked, quota_share& into) {
  return enter(asked, &quotas::searches, "searches", into);
}

std::optional<response> refuse_records(const request& asked, std::size_t count) {
  if (!asked.quotas) return std::nullopt;
  const auto wait = asked.quotas->records.take(asked.account, count, rate_bound::clock::now());
  if (wait == rate_bound::clock::duration::zero()) return std::nullopt;
  return come_again(core::make_problem(code::too_many_requests,
                                       "this caller has sent more records than it may: nothing was saved"),
                    wait);
}

response come_again(const core::problem& why, rate_bound::clock::duration in) {
  const auto seconds = std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(in).count(), 1);
  auto made = to_response(why);
  for (auto& [name, value] : made.headers)
    if (name == "Retry-After") value = std::to_string(seconds);
  return made;
}

} // namespace synclog::http
