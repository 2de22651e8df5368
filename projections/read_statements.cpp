// How a page starts after a row: the rows that follow it are cut into ranges, each of which is one stretch of
// an index (all of its keys before some column equal, that column beyond its value, or empty). The ranges are
// read one after the other until the page is full, so page n costs what page 1 costs, also with empty values
// and mixed directions.
#include "projections/read_statements.hpp"
#include "projections/layout.hpp"
#include <algorithm>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// What a table-less entity or an empty set of branches comes to.
constexpr const char* nothing = "FALSE";

// The head in the page's own snapshot: the last event, or the genesis of an empty log.
constexpr const char* head_row = R"(SELECT coalesce(
  (SELECT to_json(e.position || '-' || encode(substr(e.hash, 1, 4), 'hex')) FROM synclog.events AS e ORDER BY e.position DESC LIMIT 1),
  (SELECT to_json('0-' || encode(substr(synclog.genesis_hash(m.log_id), 1, 4), 'hex')) FROM synclog.log_meta AS m)) AS doc)";

std::string_view operator_sql(comparison op) {
  switch (op) {
  case comparison::equal:
    return " = ";
  case comparison::not_equal:
    return " IS DISTINCT FROM ";
  case comparison::less:
    return " < ";
  case comparison::less_equal:
    return " <= ";
  case comparison::greater:
    return " > ";
  case comparison::greater_equal:
    return " >= ";
  }
  core::invariant_broken("a comparison without an operator");
}

class page_builder {
 public:
  page_builder(const list_query& query, std::size_t rows) : query_(query), rows_(rows) {}

  built_query run() {
    for (const list_filter& filter : query_.filters)
      add_condition(filter_condition(filter));
    if (!query_.search.empty()) add_condition("search_text LIKE " + bind(search_pattern()));
    add_scope(*query_.definition, query_.caller);
    if (query_.after.empty()) return {range({}), std::move(values_)};
    bind_after();
    const std::vector<std::string> ranges = ranges_after();
    if (ranges.size() == 1) return {range(ranges.front()), std::move(values_)};
    // An append of limited, ordered parts runs them in turn and stops when the page is full.
    std::string sql;
    for (const std::string& each : ranges)
      sql += (sql.empty() ? "(" : " UNION ALL (") + range(each) + ")";
    return {"SELECT doc FROM (" + sql + ") AS ranges LIMIT " + std::to_string(rows_), std::move(values_)};
  }

  // The conditions of a get: only the scope.
  built_query run_get(const core::entity& definition, std::string_view id, const core::scope& caller) {
    add_condition("id = " + bind(id));
    add_scope(definition, caller);
    return {"SELECT doc, version FROM " + qualified_table(definition.table) + " WHERE " + conditions_,
            std::move(values_)};
  }

 private:
  std::string bind(std::string_view value) {
    values_.text(value);
    return "$" + std::to_string(values_.size());
  }

  std::string bind_all(const std::vector<std::string>& values) {
    const std::vector<std::string_view> views(values.begin(), values.end());
    values_.text_array(views);
    return "$" + std::to_string(values_.size()) + "::text[]";
  }

  static std::string typed(std::string parameter, core::field_type type) {
    return parameter + "::" + std::string(type_name(type));
  }

  void add_condition(const std::string& condition) {
    if (condition.empty()) return;
    conditions_ += (conditions_.empty() ? "" : " AND ") + condition;
  }

  void add_scope(const core::entity& definition, const core::scope& caller) {
    if (caller.all_branches) return;
    if (!definition.branch_field || caller.branches.empty()) return add_condition(nothing);
    const std::string column = quote_identifier(definition.fields[*definition.branch_field].name);
    // A record with an empty branch has none: it is for callers of all branches only.
    std::vector<std::string> branches;
    for (const std::string& branch : caller.branches)
      if (!branch.empty()) branches.push_back(branch);
    if (branches.empty()) return add_condition(nothing);
    if (branches.size() == 1) return add_condition(column + " = " + bind(branches.front()));
    add_condition(column + " = ANY (" + bind_all(branches) + ")");
  }

  std::string none_condition(const core::column_ref& column, const std::string& name) {
    const bool is_text = column.type == core::field_type::text;
    return is_text ? "(" + name + " IS NULL OR " + name + " = '')" : name + " IS NULL";
  }

  std::string filter_condition(const list_filter& filter) {
    const std::string name = quote_identifier(filter.column.name);
    const core::field_type type = filter.column.type;
    if (filter.op == comparison::not_equal && filter.values.front().empty())
      return type == core::field_type::text ? name + " <> ''" : name + " IS NOT NULL";
    if (filter.op != comparison::equal)
      return name + std::string(operator_sql(filter.op)) + typed(bind(filter.values.front()), type);
    std::vector<std::string> values;
    for (const std::string& value : filter.values)
      if (!value.empty()) values.push_back(value);
    const bool or_none = values.size() != filter.values.size();
    if (values.empty()) return none_condition(filter.column, name);
    std::string any;
    if (values.size() == 1)
      any = name + " = " + typed(bind(values.front()), type);
    else
      any = name + " = ANY (" + bind_all(values) +
            (type == core::field_type::text ? "" : "::" + std::string(type_name(type)) + "[]") + ")";
    return or_none ? "(" + any + " OR " + none_condition(filter.column, name) + ")" : any;
  }

  std::string search_pattern() const {
    std::string pattern = "%";
    for (const char c : query_.search) {
      if (c == '\\' || c == '%' || c == '_') pattern.push_back('\\');
      pattern.push_back(c);
    }
    return pattern + "%";
  }

  std::string range(const std::string& beyond) const {
    std::string where = conditions_;
    if (!beyond.empty()) where += (where.empty() ? "" : " AND ") + beyond;
    std::string sql = "SELECT doc FROM " + qualified_table(query_.definition->table);
    if (!where.empty()) sql += " WHERE " + where;
    sql += " ORDER BY ";
    for (std::size_t i = 0; i < query_.order.size(); ++i) {
      sql += (i == 0 ? "" : ", ") + column(i);
      if (query_.order[i].descending) sql += " DESC";
    }
    return sql + " LIMIT " + std::to_string(rows_);
  }

  std::string column(std::size_t key) const { return quote_identifier(query_.order[key].column.name); }

  void bind_after() {
    for (std::size_t i = 0; i < query_.order.size(); ++i) {
      const auto& value = query_.after[i];
      after_.push_back(value ? typed(bind(*value), query_.order[i].column.type) : "");
    }
  }

  // Keys before `end` stand where the last row's stand.
  std::string equal_before(std::size_t end) const {
    std::string sql;
    for (std::size_t i = 0; i < end; ++i) {
      sql += sql.empty() ? "" : " AND ";
      sql += column(i) + (query_.after[i] ? " = " + after_[i] : " IS NULL");
    }
    return sql;
  }

  // The first key of the longest tail that one row comparison can tell: one direction, values in all, and no
  // empty ones possible behind the first.
  std::size_t tail_start() const {
    std::size_t start = query_.order.size() - 1;
    while (start > 0 && !is_nullable(query_.order[start].column) && query_.after[start - 1] &&
           query_.order[start - 1].descending == query_.order[start].descending)
      --start;
    return start;
  }

  std::string beyond(std::size_t first, std::size_t end) const {
    const char* const sign = query_.order[first].descending ? " < " : " > ";
    if (first + 1 == end) return column(first) + sign + after_[first];
    std::string names, values;
    for (std::size_t i = first; i < end; ++i) {
      names += (i == first ? "" : ", ") + column(i);
      values += (i == first ? "" : ", ") + after_[i];
    }
    return "(" + names + ")" + sign + "(" + values + ")";
  }

  std::vector<std::string> ranges_after() const {
    std::vector<std::string> ranges;
    const auto add = [&](std::size_t key, const std::string& condition) {
      const std::string equal = equal_before(key);
      ranges.push_back(equal.empty() ? condition : equal + " AND " + condition);
    };
    const std::size_t tail = tail_start();
    for (std::size_t level = tail + 1; level-- > 0;) {
      const core::order_key& key = query_.order[level];
      const bool has_value = query_.after[level].has_value();
      if (has_value) add(level, beyond(level, level == tail ? query_.order.size() : level + 1));
      // Empty values: behind all others when ascending, before them when descending.
      if (!is_nullable(key.column)) continue;
      if (has_value && !key.descending) add(level, column(level) + " IS NULL");
      if (!has_value && key.descending) add(level, column(level) + " IS NOT NULL");
    }
    return ranges;
  }

  const list_query& query_;
  std::size_t rows_;
  pg::params values_;
  std::string conditions_;
  std::vector<std::string> after_; // per key: its parameter, typed; "" where the value is NULL
};

} // namespace

built_query build_get(const core::entity& definition, std::string_view id, const core::scope& caller) {
  const list_query unused;
  return page_builder(unused, 1).run_get(definition, id, caller);
}

built_query build_page_rows(const list_query& query, std::size_t rows) {
  return page_builder(query, rows).run();
}

built_query build_page(const list_query& query, std::size_t rows) {
  built_query page = build_page_rows(query, rows);
  page.sql = std::string(head_row) + " UNION ALL (" + page.sql + ")";
  return page;
}

} // namespace synclog::projections
