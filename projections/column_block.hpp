// Records of one entity as columns: what each typed column of the read table must hold, taken from the stored
// bytes. The one encoder of rows: the append, the rebuild and the proof all use it. Not shared between
// threads.
#pragma once
#include "core/entity.hpp"
#include "core/json.hpp"
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

// True when a stored record is the first version of its record: nothing of it stood before.
bool is_first_version(std::string_view doc);

class column_block {
 public:
  using text_column = std::vector<std::optional<std::string_view>>;

  explicit column_block(const core::entity& definition);

  // `doc` must outlive the block's contents. False (and nothing added) when it is no record.
  bool add(std::string_view doc);
  bool add(std::string&& doc) = delete; // it would not
  void clear();

  std::size_t size() const { return docs_.size(); }
  std::size_t bytes() const { return bytes_; } // of the docs

  const std::vector<std::string_view>& ids() const { return ids_; }
  const std::vector<std::int64_t>& versions() const { return versions_; }
  const std::vector<std::int64_t>& positions() const { return positions_; }
  const std::vector<std::int64_t>& created_at() const { return created_at_; } // microseconds since 1970
  const std::vector<std::int64_t>& updated_at() const { return updated_at_; }
  // One per field: text that casts to the column's type; nullopt = SQL NULL.
  const std::vector<text_column>& fields() const { return fields_; }
  const std::vector<std::string_view>& search_texts() const {
    return search_texts_;
  } // empty without search fields
  const std::vector<std::string_view>& docs() const { return docs_; }

 private:
  struct head;
  bool read_head(std::string_view doc, head& out, std::vector<std::string_view>& values);
  std::string_view keep(std::string text);
  void add_search_text(const std::vector<std::string_view>& values);

  const core::entity* definition_;
  std::vector<std::string_view> ids_, search_texts_, docs_;
  std::vector<std::int64_t> versions_, positions_, created_at_, updated_at_;
  std::vector<text_column> fields_;
  std::vector<core::json::slice> members_; // scratch
  std::vector<std::string_view> values_;   // scratch
  std::deque<std::string> kept_;           // what cannot be a view into a doc
  std::size_t bytes_ = 0;
};

} // namespace synclog::projections
