// How a page starts after a row: the rows that follow it are cut into ranges, each of which is one stretch of
// an index (all of its keys before some column equal, that column beyond its value, or empty). The ranges are
// read one after the other until the page is full, so page n costs what page 1 costs, also with empty values
// and mixed directions.
#include "projections/read_statements.hpp"
#include "core/chain.hpp"
#include "projections/layout.hpp"
#include <algorithm>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// What a table-less entity or an empty set of branches comes to.
constexpr const char* nothing = "FALSE";

// The head in the page's own snapshot: the last event, or the genesis of an empty log.
constexpr const char* head_value = R"(coalesce(
  (SELECT to_json(e.position || '-' || encode(substr(e.hash, 1, 4), 'hex')) FROM synclog.events AS e ORDER BY e.position DESC LIMIT 1),
  (SELECT to_json('0-' || encode(substr(synclog.genesis_hash(m.log_id), 1, 4), 'hex')) FROM synclog.log_meta AS m)))";

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
    add_filters();
    if (!query_.search.empty()) add_condition(search_condition());
    std::string sql = page("doc", rows_);
    return {std::move(sql), std::move(values_)};
  }

  // The second part is only run when the first has not filled the page.
  built_query run_ordered_search(std::size_t window) {
    add_filters();
    const std::string first = "(" + page("doc, search_text", window) + ") AS first";
    std::string sql = "SELECT doc FROM ((SELECT doc FROM " + first + " WHERE " + search_condition();
    sql += " LIMIT " + std::to_string(rows_) + ") UNION ALL (SELECT NULL::json FROM " + first;
    sql += " OFFSET " + std::to_string(window - 1) + ")) AS found LIMIT " + std::to_string(rows_);
    return {std::move(sql), std::move(values_)};
  }

  built_query run_candidate_search(std::span<const std::string_view> ids, const core::cursor& complete_to) {
    add_filters();
    add_condition(search_condition());
    if (!query_.after.empty()) {
      bind_after();
      std::string any;
      for (const std::string& each : ranges_after())
        any += (any.empty() ? "((" : ") OR (") + each;
      if (!any.empty()) add_condition(any + "))");
    }
    const std::string candidates = bind_all(ids);
    const std::string from = bind(std::to_string(complete_to.position.value)) + "::bigint";
    const std::string entity = quote_literal(query_.definition->name);
    std::string sql = "SELECT CASE WHEN (" + from +
                      " = 0 OR EXISTS (SELECT FROM synclog.events AS e WHERE e.position = " + from;
    sql += " AND e.position || '-' || encode(substr(e.hash, 1, 4), 'hex') = " +
           bind(core::to_string(complete_to));
    sql += ")) AND EXISTS (SELECT FROM synclog.read_tables AS t WHERE t.entity = " + entity;
    sql +=
        " AND t.fingerprint = '\\x" + core::to_hex(table_fingerprint(*query_.definition)) + "'::bytea) THEN ";
    sql += std::string(head_value) +
           " END AS doc UNION ALL (SELECT doc FROM (SELECT live.* FROM (SELECT given.id FROM unnest(";
    sql += candidates +
           ") AS given(id) UNION SELECT e.record_id FROM synclog.events AS e WHERE e.position > " + from;
    sql +=
        " AND e.position <= " + from + " + " + std::to_string(max_search_tail) + " AND e.entity = " + entity;
    // LATERAL … LIMIT 1 leaves only lookups by the index.
    sql += ") AS candidate CROSS JOIN LATERAL (SELECT * FROM " + qualified_table(query_.definition->table);
    sql += " AS r WHERE r.id = candidate.id LIMIT 1) AS live) AS found WHERE " + conditions_;
    sql += order_by() + " LIMIT " + std::to_string(rows_) + ")";
    return {std::move(sql), std::move(values_)};
  }

  // The conditions of a get: only the scope.
  built_query run_get(const core::entity& definition, std::string_view id, const core::scope& caller) {
    add_condition("id = " + bind(id));
    add_scope(definition, caller);
    return {"SELECT doc, version, position FROM " + qualified_table(definition.table) + " WHERE " +
                conditions_,
            std::move(values_)};
  }

 private:
  std::string bind(std::string_view value) {
    values_.text(value);
    return "$" + std::to_string(values_.size());
  }

  std::string bind_all(const std::vector<std::string>& values) {
    const std::vector<std::string_view> views(values.begin(), values.end());
    return bind_all(views);
  }

  std::string bind_all(std::span<const std::string_view> values) {
    values_.text_array(values);
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

  void add_filters() {
    for (const list_filter& filter : query_.filters)
      add_condition(filter_condition(filter));
    add_scope(*query_.definition, query_.caller);
  }

  std::string search_condition() {
    std::string pattern = "%";
    for (const char c : query_.search) {
      if (c == '\\' || c == '%' || c == '_') pattern.push_back('\\');
      pattern.push_back(c);
    }
    return "search_text LIKE " + bind(pattern + "%");
  }

  // The first rows of the list's order, from the cursor on.
  std::string page(const std::string& columns, std::size_t rows) {
    if (query_.after.empty()) return range(columns, {}, rows);
    bind_after();
    const std::vector<std::string> ranges = ranges_after();
    if (ranges.size() == 1) return range(columns, ranges.front(), rows);
    // An append of limited, ordered parts runs them in turn and stops when the page is full.
    std::string sql;
    for (const std::string& each : ranges)
      sql += (sql.empty() ? "(" : " UNION ALL (") + range(columns, each, rows) + ")";
    return "SELECT " + columns + " FROM (" + sql + ") AS ranges LIMIT " + std::to_string(rows);
  }

  std::string range(const std::string& columns, const std::string& beyond, std::size_t rows) const {
    std::string where = conditions_;
    if (!beyond.empty()) where += (where.empty() ? "" : " AND ") + beyond;
    std::string sql = "SELECT " + columns + " FROM " + qualified_table(query_.definition->table);
    if (!where.empty()) sql += " WHERE " + where;
    return sql + order_by() + " LIMIT " + std::to_string(rows);
  }

  std::string order_by() const {
    std::string sql = " ORDER BY ";
    for (std::size_t i = 0; i < query_.order.size(); ++i) {
      sql += (i == 0 ? "" : ", ") + column(i);
      if (query_.order[i].descending) sql += " DESC";
    }
    return sql;
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

namespace {

built_query behind_head(built_query page) {
  page.sql = std::string("SELECT ") + head_value + " AS doc UNION ALL (" + page.sql + ")";
  return page;
}

} // namespace

built_query build_page(const list_query& query, std::size_t rows) {
  return behind_head(build_page_rows(query, rows));
}

built_query build_ordered_search(const list_query& query, std::size_t rows, std::size_t window) {
  return behind_head(page_builder(query, rows).run_ordered_search(window));
}

built_query build_candidate_search(const list_query& query, std::size_t rows,
                                   std::span<const std::string_view> ids, const core::cursor& complete_to) {
  return page_builder(query, rows).run_candidate_search(ids, complete_to);
}

} // namespace synclog::projections
