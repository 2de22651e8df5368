// A list as it was at a position: the filters, search, order and pages of a list over the fold of the log to
// there. One request, one coroutine at a time.
//
// A record without an event behind the position stands in its read table as it was then; of the others the
// log has the state before their first event behind it, which is filtered and ordered in memory. A page
// merges the two. Each page asks the read table first and the log afterwards: a record that is changed in
// between is then found in the log, and one found in both is the same. The fold itself never changes, so
// pages need no common snapshot.
#pragma once
#include "core/event.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/past_reader.hpp"
#include "projections/list_query.hpp"
#include "projections/live_filter.hpp"
#include "projections/record_reader.hpp"
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace synclog::projections {

struct past_list_options {
  std::optional<eventstore::pg::deadline> until; // of everything; empty: each statement has `patience`
  std::chrono::seconds patience{30};
  // Of the records that changed since, so many are held at once, the first ones of the order; when they are
  // used up and there are more, the log is looked through again.
  std::size_t max_held = 100'000;
  std::size_t max_held_bytes = 64u << 20;
};

struct past_page {
  std::vector<std::string> docs;
  bool more = false; // rows lie beyond this page, or may
};

class past_list {
 public:
  // Begins behind query.after. All references outlive the list.
  past_list(record_reader& records, eventstore::log_reader& log, const list_query& query, core::position at,
            past_list_options options);

  // At most `max_rows` rows (1 to max_list_limit), maybe fewer; none only at the end. Throws pg::unavailable
  // and its kin.
  boost::asio::awaitable<past_page> next(std::size_t max_rows);
  // Where the next page begins: the order values of the last row given.
  const std::vector<std::optional<std::string>>& place() const { return place_; }

 private:
  using order_values = std::vector<std::optional<std::string>>;
  struct held_row {
    order_values values;
    std::string id;
    std::int64_t version = 0;
  };
  struct in_order {
    const list_query* query;
    bool operator()(const held_row& left, const held_row& right) const;
  };
  struct chosen_row {
    std::string doc;              // of a row of the read table
    std::optional<held_row> held; // of one whose doc must be read from the log
  };

  eventstore::pg::deadline deadline() const;
  boost::asio::awaitable<void> catch_up();
  void hold(const eventstore::changed_record& changed);
  void forget_given();
  std::vector<chosen_row> merge(const list_page& present, std::size_t max_rows, bool& more);
  boost::asio::awaitable<void> give(std::vector<chosen_row> chosen, past_page& page);

  record_reader* records_;
  eventstore::log_reader* log_;
  eventstore::past_reader past_;
  const list_query* query_;
  list_query present_; // the same of the read table's rows that have not changed since
  live_filter filter_;
  core::position at_;
  past_list_options options_;
  order_values place_; // of the last row given; empty = none yet
  std::set<held_row, in_order> held_;
  std::size_t held_bytes_ = 0;
  std::optional<order_values> horizon_; // rows behind it were left out of held_
  core::position complete_to_;          // of the log, for held_
};

} // namespace synclog::projections
