// See tally.hpp.
#include "tools/load/tally.hpp"

#include <algorithm>
#include <numeric>

namespace synclog::tools::load {

namespace {

constexpr std::size_t shown_bytes = 400;

std::size_t place_of(int status) {
  const bool known = status >= tally::lowest_status && status <= tally::highest_status;
  return static_cast<std::size_t>((known ? status : tally::highest_status + 1) - tally::lowest_status);
}

} // namespace

std::string_view to_string(failure kind) {
  constexpr std::array<std::string_view, failure_kinds> names{
      "connect_refused", "connect_timeout", "connect_other", "reset", "closed", "timeout", "bad_answer"};
  return names[static_cast<std::size_t>(kind)];
}

bool tally::is_success(int status) {
  constexpr int partly = 207, not_modified = 304;
  return (status >= 200 && status < 300 && status != partly) || status == not_modified;
}

void tally::add_answer(int status, std::int64_t took_ns, std::uint64_t records) {
  ++statuses_[place_of(status)];
  if (!is_success(status)) {
    ++refused_;
    return;
  }
  ++succeeded_;
  records_ += records;
  latency_.add(took_ns);
}

void tally::note_error(std::string_view words) {
  if (!first_error_.empty()) return;
  for (const char c : words.substr(0, shown_bytes))
    first_error_.push_back(c >= ' ' && c <= '~' ? c : c == '\r' || c == '\n' ? ' ' : '?');
}

void tally::merge(const tally& other) {
  for (std::size_t i = 0; i < statuses_.size(); ++i)
    statuses_[i] += other.statuses_[i];
  for (std::size_t i = 0; i < failures_.size(); ++i)
    failures_[i] += other.failures_[i];
  succeeded_ += other.succeeded_;
  records_ += other.records_;
  refused_ += other.refused_;
  late += other.late;
  latency_.merge(other.latency_);
  if (first_error_.empty()) first_error_ = other.first_error_;
}

std::uint64_t tally::status_count(int status) const {
  return statuses_[place_of(status)];
}

std::uint64_t tally::errors() const {
  return std::accumulate(failures_.begin(), failures_.end(), refused_);
}

} // namespace synclog::tools::load
