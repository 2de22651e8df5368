// Query parameters to list_query. Names come from the definition only; whatever is not known is refused,
// because a typo must not return everything.
#include "projections/list_query.hpp"
#include "core/text_fold.hpp"
#include "core/utf8.hpp"
#include "core/validate.hpp"
#include "projections/layout.hpp"
#include "projections/nearest_name.hpp"
#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <tuple>

namespace synclog::projections {

namespace {

using parameter = std::pair<std::string, std::string>;

constexpr std::size_t max_filters = 100;
constexpr std::size_t max_values_of_a_filter = 1'000;
constexpr std::size_t max_sort_keys = 8;

constexpr std::array<std::pair<std::string_view, comparison>, 5> operators{
    {{"gte", comparison::greater_equal},
     {"gt", comparison::greater},
     {"lte", comparison::less_equal},
     {"lt", comparison::less},
     {"ne", comparison::not_equal}}};
constexpr std::array<std::string_view, 5> bookkeeping_names{"id", "version", "position", "created_at",
                                                            "updated_at"};

std::string_view operator_text(comparison op) {
  for (const auto& [text, known] : operators)
    if (known == op) return text;
  return "eq";
}

core::problem bad(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

// A column as ranges and sort name it: by a filter's name, a column's, or another spelling of a field.
std::optional<core::column_ref> named_column(const core::entity& definition, std::string_view name) {
  std::optional<core::column_ref> found;
  for (const auto& [filter, column] : definition.filters)
    if (filter == name) found = definition.column(column);
  if (!found) found = definition.column(name);
  if (!found)
    if (const auto index = definition.field_or_alias(name))
      found = definition.column(definition.fields[*index].name);
  return found;
}

std::vector<std::string> column_names(const core::entity& definition) {
  std::vector<std::string> names;
  for (const core::field& field : definition.fields)
    if (is_ordered(field.type)) names.push_back(field.name);
  names.insert(names.end(), bookkeeping_names.begin(), bookkeeping_names.end());
  return names;
}

std::vector<std::string> filter_names(const core::entity& definition) {
  std::vector<std::string> names;
  for (const auto& [name, column] : definition.filters)
    names.push_back(name);
  return names;
}

class list_query_parser {
 public:
  list_query_parser(const core::entity& definition, const core::scope& caller, list_use use)
      : definition_(definition), use_(use) {
    query_.definition = &definition;
    query_.caller = caller;
  }

  core::result<list_query> run(std::span<const parameter> params) {
    for (const auto& [name, value] : params)
      if (auto refused = take(name, value)) return *std::move(refused);
    query_.order = complete_order(sorted_ ? std::move(query_.order) : definition_.default_order);
    normalise();
    if (cursor_) {
      auto after = decode_page_cursor(query_, *cursor_);
      if (!after) return after.error();
      query_.after = *std::move(after);
    }
    return std::move(query_);
  }

 private:
  using refusal = std::optional<core::problem>;

  refusal take(const std::string& name, const std::string& value) {
    if (!core::is_valid_utf8(name) || !core::is_valid_utf8(value) || value.find('\0') != std::string::npos)
      return bad("a query parameter holds bytes that are no text");
    if (name == "sort" || name == "limit" || name == "search" || name == "cursor") {
      if (std::find(single_.begin(), single_.end(), name) != single_.end())
        return bad(fmt::format("{}: given twice", name));
      single_.push_back(name);
      if (name == "sort") return take_sort(value);
      if (name == "limit") return take_limit(value);
      if (name == "search") return take_search(value);
      cursor_ = value;
      return std::nullopt;
    }
    if (!name.empty() && name.back() == ']') return take_range(name, value);
    for (const auto& [filter, column] : definition_.filters)
      if (filter == name) return take_value(name, *definition_.column(column), comparison::equal, value);
    return unknown(name);
  }

  refusal take_sort(std::string_view value) {
    sorted_ = true;
    std::vector<std::string_view> seen;
    while (true) {
      const std::size_t comma = value.find(',');
      std::string_view key = value.substr(0, comma);
      const bool descending = key.starts_with('-');
      if (descending) key.remove_prefix(1);
      const auto column = named_column(definition_, key);
      if (!column || !is_ordered(column->type))
        return bad(fmt::format("sort: there is no column \"{}\" to sort by; known: {}", key,
                               fmt::join(column_names(definition_), ", ")));
      if (std::any_of(query_.order.begin(), query_.order.end(),
                      [&](const core::order_key& other) { return other.column.name == column->name; }))
        return bad(fmt::format("sort: \"{}\" is named twice", column->name));
      if (query_.order.size() == max_sort_keys)
        return bad(fmt::format("sort: more than {} columns", max_sort_keys));
      query_.order.push_back({*column, descending});
      if (comma == std::string_view::npos) return std::nullopt;
      value.remove_prefix(comma + 1);
    }
  }

  refusal take_limit(std::string_view value) {
    std::size_t limit = 0;
    const char* const end = value.data() + value.size();
    const auto read = std::from_chars(value.data(), end, limit);
    if (read.ec != std::errc{} || read.ptr != end || limit < 1 || limit > max_list_limit)
      return bad(fmt::format("limit: must be a whole number from 1 to {}", max_list_limit));
    query_.limit = limit;
    return std::nullopt;
  }

  refusal take_search(std::string_view value) {
    if (definition_.search_fields.empty())
      return bad(
          fmt::format("search: {} has no fields to search; known parameters: {}", definition_.name, known()));
    query_.search = core::fold_text(value);
    return std::nullopt;
  }

  // field[gte]
  refusal take_range(const std::string& name, const std::string& value) {
    const std::size_t bracket = name.find('[');
    if (bracket == std::string::npos) return unknown(name);
    const std::string_view column_name = std::string_view(name).substr(0, bracket);
    const std::string_view op = std::string_view(name).substr(bracket + 1, name.size() - bracket - 2);
    const auto column = named_column(definition_, column_name);
    if (!column || !is_ordered(column->type))
      return bad(fmt::format("{}: there is no column \"{}\" to compare{}; known: {}", name, column_name,
                             suggestion(column_name, column_names(definition_)),
                             fmt::join(column_names(definition_), ", ")));
    for (const auto& [text, known_op] : operators)
      if (text == op) return take_value(name, *column, known_op, value);
    return bad(fmt::format("{}: the comparison must be one of gte, gt, lte, lt, ne", name));
  }

  refusal take_value(const std::string& name, const core::column_ref& column, comparison op,
                     const std::string& value) {
    std::string canonical;
    const bool takes_none = op == comparison::equal || op == comparison::not_equal;
    if (value.empty() && !takes_none) return bad(fmt::format("{}: needs a value", name));
    if (!value.empty()) {
      auto text = core::canonical_filter_text(column.type, value);
      if (!text) return bad(fmt::format("{}: {}", name, text.error().detail));
      canonical = *std::move(text);
      if (canonical.empty()) return bad(fmt::format("{}: needs a value", name));
    }
    return add_value(name, column, op, std::move(canonical));
  }

  refusal add_value(const std::string& name, const core::column_ref& column, comparison op,
                    std::string value) {
    const auto known = std::find(names_.begin(), names_.end(), name);
    if (known == names_.end()) {
      if (names_.size() == max_filters) return bad(fmt::format("more than {} filters", max_filters));
      names_.push_back(name);
      query_.filters.push_back({column, op, {std::move(value)}});
      return std::nullopt;
    }
    if (op != comparison::equal) return bad(fmt::format("{}: given twice", name));
    list_filter& filter = query_.filters[static_cast<std::size_t>(known - names_.begin())];
    if (filter.values.size() == max_values_of_a_filter)
      return bad(fmt::format("{}: more than {} values", name, max_values_of_a_filter));
    filter.values.push_back(std::move(value));
    return std::nullopt;
  }

  std::string known() const {
    std::vector<std::string> names = filter_names(definition_);
    if (!definition_.search_fields.empty()) names.emplace_back("search");
    const std::vector<std::string> others =
        use_ == list_use::live_query ? std::vector<std::string>{"sort", "after"}
                                     : std::vector<std::string>{"sort", "limit", "cursor", "at", "id"};
    names.insert(names.end(), others.begin(), others.end());
    return fmt::format("{}, and column[gte|gt|lte|lt|ne] for {}", fmt::join(names, ", "),
                       fmt::join(column_names(definition_), ", "));
  }

  refusal unknown(const std::string& name) const {
    std::vector<std::string> names = filter_names(definition_);
    names.insert(names.end(), {"search", "sort"});
    if (use_ == list_use::pages)
      names.insert(names.end(), {"limit", "cursor"});
    else
      names.emplace_back("after");
    return bad(fmt::format("unknown parameter \"{}\"{}; known: {}", name, suggestion(name, names), known()));
  }

  static std::string suggestion(std::string_view name, const std::vector<std::string>& names) {
    const std::string* near = nearest_name(name, names);
    return near ? fmt::format(" (did you mean \"{}\"?)", *near) : "";
  }

  // Filters in one order whatever the request's, so that equal questions have one text.
  void normalise() {
    for (list_filter& filter : query_.filters) {
      std::sort(filter.values.begin(), filter.values.end());
      filter.values.erase(std::unique(filter.values.begin(), filter.values.end()), filter.values.end());
    }
    std::sort(query_.filters.begin(), query_.filters.end(), [](const list_filter& a, const list_filter& b) {
      return std::tie(a.column.name, a.op, a.values) < std::tie(b.column.name, b.op, b.values);
    });
    std::string text = definition_.name;
    for (const list_filter& filter : query_.filters) {
      text += fmt::format("&{}[{}]", filter.column.name, operator_text(filter.op));
      for (const std::string& value : filter.values)
        text += fmt::format("={}:{}", value.size(), value);
    }
    if (!query_.search.empty()) text += fmt::format("&search={}:{}", query_.search.size(), query_.search);
    text += "&sort=";
    for (const core::order_key& key : query_.order)
      text += (key.descending ? ",-" : ",") + key.column.name;
    if (query_.limit) text += fmt::format("&limit={}", *query_.limit);
    query_.canonical = std::move(text);
  }

  const core::entity& definition_;
  const list_use use_;
  list_query query_;
  std::vector<std::string> names_;  // of the filters' parameters, beside query_.filters
  std::vector<std::string> single_; // of the others that have come
  std::optional<std::string> cursor_;
  bool sorted_ = false;
};

} // namespace

core::result<list_query> parse_list_query(const core::entity& definition, std::span<const parameter> params,
                                          const core::scope& caller, list_use use) {
  return list_query_parser(definition, caller, use).run(params);
}

} // namespace synclog::projections
