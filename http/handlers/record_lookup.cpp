// See record_lookup.hpp.
#include "http/handlers/record_lookup.hpp"

#include "http/answer_memory.hpp"
#include "http/handlers/records_common.hpp"
#include <utility>

namespace synclog::http::handlers {

namespace asio = boost::asio;

namespace {

// Apart from those of lists, which begin with an entity's name.
std::string key_of(const core::entity& definition, std::string_view id, const core::scope& caller) {
  std::string key = "\x01" + definition.name + '\n';
  key += id;
  append_scope(key, caller);
  return key;
}

// Memory says that the record has not changed; the log's head says whether this server's memory may speak:
// another server may have acknowledged a write that the feed has not heard of, or the database was restored
// under us.
bool still_stands(const services& with, const core::entity& definition, std::string_view id,
                  const core::cursor& change, const core::cursor& head) {
  return with.feed.known_cursor(head.position) == head && change.position <= head.position &&
         with.feed.last_change(definition.name, id) == change;
}

void keep(const services& with, const core::entity& definition, std::string_view id,
          const core::cursor& change, std::string key, const projections::record_row& found) {
  // A row that shows a later event than the feed had heard of before it was read is not the state of
  // `change`.
  if (found.position > change.position || with.feed.last_change(definition.name, id) != change) return;
  with.answers->keep(std::move(key),
                     {.change = change, .link = {}, .body = found.doc, .version = found.version});
}

} // namespace

asio::awaitable<std::optional<current_record>> find_record(const services& with,
                                                           const core::entity& definition, std::string id,
                                                           core::scope caller,
                                                           eventstore::pg::deadline until) {
  const auto change = with.feed.last_change(definition.name, id); // before the row is read
  std::string key;
  if (with.answers != nullptr) {
    key = key_of(definition, id, caller);
    if (const auto kept = with.answers->find(key, change)) {
      const auto head = co_await with.log.head(until);
      if (still_stands(with, definition, id, change, head))
        co_return current_record{kept->body, kept->version};
    }
  }
  auto found = co_await with.records.get(definition, id, std::move(caller), until);
  if (!found) co_return std::nullopt;
  if (with.answers != nullptr) keep(with, definition, id, change, std::move(key), *found);
  co_return current_record{std::move(found->doc), found->version};
}

} // namespace synclog::http::handlers
