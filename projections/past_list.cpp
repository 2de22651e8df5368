// See past_list.hpp.
#include "projections/past_list.hpp"

#include "core/json.hpp"
#include "projections/live_value.hpp"
#include <algorithm>

namespace synclog::projections {

namespace asio = boost::asio;
namespace pg = eventstore::pg;

namespace {

constexpr std::size_t first_window = 512, most_window = 20'000; // positions looked at by a statement
constexpr std::size_t max_docs_bytes = 8u << 20;                // of a page, from the log

std::optional<std::string> value_of(const std::vector<core::json::slice>& members,
                                    const core::column_ref& column) {
  for (const auto& member : members) {
    if (member.name != column.name) continue;
    std::string scratch;
    const auto value = column_value(column.type, member.value, scratch);
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }
  return std::nullopt;
}

std::vector<std::optional<std::string>> values_of(const list_query& query, std::string_view doc) {
  thread_local std::vector<core::json::slice> members;
  if (!core::json::split_object(doc, members)) members.clear();
  std::vector<std::optional<std::string>> values;
  values.reserve(query.order.size());
  for (const auto& key : query.order)
    values.push_back(value_of(members, key.column));
  return values;
}

// Negative, 0, positive, in the order of the list. No value stands last when ascending, first when
// descending.
int compare(const list_query& query, const std::vector<std::optional<std::string>>& left,
            const std::vector<std::optional<std::string>>& right) {
  for (std::size_t key = 0; key < query.order.size(); ++key) {
    int order = 0;
    if (left[key] && right[key]) {
      order = compare_values(query.order[key].column.type, *left[key], *right[key]);
    } else {
      order = static_cast<int>(right[key].has_value()) - static_cast<int>(left[key].has_value());
    }
    if (order != 0) return query.order[key].descending ? -order : order;
  }
  return 0;
}

// Of a row that is held, with its place in the tree.
std::size_t bytes_of(const std::vector<std::optional<std::string>>& values, const std::string& id) {
  constexpr std::size_t node_bytes = 64;
  std::size_t bytes = node_bytes + sizeof(values) + sizeof(id) + id.size();
  for (const auto& value : values)
    bytes += sizeof(value) + (value ? value->size() : 0);
  return bytes;
}

list_query unchanged_since(const list_query& query, core::position at) {
  list_query made = query;
  made.filters.push_back(
      {*query.definition->column("position"), comparison::less_equal, {std::to_string(at.value)}});
  made.limit.reset(); // it may have to look at many rows: not in front of the quick reads
  return made;
}

} // namespace

bool past_list::in_order::operator()(const held_row& left, const held_row& right) const {
  return compare(*query, left.values, right.values) < 0;
}

past_list::past_list(record_reader& records, eventstore::log_reader& log, const list_query& query,
                     core::position at, past_list_options options)
    : records_(&records), log_(&log), past_(records.whole_reads()), query_(&query),
      present_(unchanged_since(query, at)), filter_(query), at_(at), options_(options), place_(query.after),
      held_(in_order{&query}), complete_to_(at) {}

pg::deadline past_list::deadline() const {
  return options_.until ? *options_.until : pg::clock::now() + options_.patience;
}

void past_list::hold(const eventstore::changed_record& changed) {
  const auto& doc = changed.before.doc;
  if (!filter_.matches(doc)) return;
  held_row row{values_of(*query_, doc), changed.record_id, changed.before.version};
  if (!place_.empty() && compare(*query_, row.values, place_) <= 0) return; // given already
  if (horizon_ && compare(*query_, row.values, *horizon_) > 0) return;
  const auto bytes = bytes_of(row.values, row.id);
  if (held_.insert(std::move(row)).second) held_bytes_ += bytes;
  while (held_.size() > 1 && (held_.size() > options_.max_held || held_bytes_ > options_.max_held_bytes)) {
    const auto last = std::prev(held_.end());
    held_bytes_ -= bytes_of(last->values, last->id);
    held_.erase(last);
    horizon_ = held_.rbegin()->values;
  }
}

// Up to the head as it is now, which is not before the read table's rows.
asio::awaitable<void> past_list::catch_up() {
  if (held_.empty() && horizon_) {
    horizon_.reset();
    complete_to_ = at_;
  }
  const auto head = co_await log_->head(deadline());
  std::size_t window = first_window;
  while (complete_to_ < head.position) {
    auto entity = query_->definition->name;
    const auto found =
        co_await past_.overtaken(std::move(entity), at_, complete_to_, head.position, window, deadline());
    for (const auto& changed : found.records)
      hold(changed);
    complete_to_ = found.complete_to;
    window = std::min(window * 2, most_window);
  }
}

void past_list::forget_given() {
  while (!held_.empty() && !place_.empty() && compare(*query_, held_.begin()->values, place_) <= 0) {
    held_bytes_ -= bytes_of(held_.begin()->values, held_.begin()->id);
    held_.erase(held_.begin());
  }
}

// The first rows of both. Where one side may have more than it shows, nothing behind its last row is sure.
std::vector<past_list::chosen_row> past_list::merge(const list_page& present, std::size_t max_rows,
                                                    bool& more) {
  std::vector<chosen_row> chosen;
  auto held = held_.begin();
  std::size_t index = 0;
  order_values values;
  while (chosen.size() < max_rows) {
    const bool has_present = index < present.docs.size(), has_held = held != held_.end();
    if (!has_present && (present.more || !has_held)) break;
    if (!has_held && (horizon_ || !has_present)) break;
    if (has_present && values.empty()) values = values_of(*query_, present.docs[index]);
    const int order = !has_present ? 1 : !has_held ? -1 : compare(*query_, values, held->values);
    if (order > 0) {
      chosen.push_back({{}, *held++});
      continue;
    }
    if (order == 0) ++held; // changed between the two reads
    chosen.push_back({std::string(present.docs[index++]), std::nullopt});
    values.clear();
  }
  more = index < present.docs.size() || held != held_.end() || present.more || horizon_.has_value();
  return chosen;
}

// Reads what is missing, and ends the page early where that is too much.
asio::awaitable<void> past_list::give(std::vector<chosen_row> chosen, past_page& page) {
  std::vector<eventstore::record_version> wanted;
  for (const auto& row : chosen)
    if (row.held) wanted.push_back({query_->definition->name, row.held->id, row.held->version});
  std::vector<eventstore::record_state> states;
  if (!wanted.empty()) states = co_await log_->states_at(std::move(wanted), max_docs_bytes, deadline());
  std::size_t next_state = 0;
  for (auto& row : chosen) {
    if (!row.held) {
      place_ = values_of(*query_, row.doc);
      page.docs.push_back(std::move(row.doc));
      continue;
    }
    if (next_state == states.size()) {
      page.more = true;
      break;
    }
    place_ = std::move(row.held->values);
    auto& state = states[next_state++];
    // Erased since it was held: nothing is left to show.
    if (state.what == eventstore::record_state::presence::live) page.docs.push_back(std::move(state.doc));
  }
}

asio::awaitable<past_page> past_list::next(std::size_t max_rows) {
  past_page page;
  do {
    present_.after = place_;
    auto present = co_await records_->page(present_, max_rows, deadline());
    co_await catch_up();
    forget_given();
    auto chosen = merge(present, max_rows, page.more);
    co_await give(std::move(chosen), page);
  } while (page.docs.empty() && page.more);
  co_return page;
}

} // namespace synclog::projections
