// Whether versions follow from each record's own history: 1 first, then one more each time, at a later place
// of the log, with an action that the event before allows. Owned by one thread of verify_log, which shows it
// its events in the order of their positions. Memory: `remembered` short ids, and what a page left open.
#pragma once
#include "core/chain.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/verify_log.hpp"
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::eventstore {

class version_check {
 public:
  explicit version_check(pg::plain_connection& db);

  // `event` has an action that core knows. Most events need no look at the database: a first version has
  // nothing before it, and the event before a later one has often just been seen. The others wait for
  // settle().
  void see(const core::event_view& event);
  // Looks up what is open, while no COPY runs on the connection. The first difference of everything seen
  // since the last call. Throws pg::unavailable, pg::query_failed.
  std::optional<difference> settle();

 private:
  // The latest event of a record, under a slot that its name hashes to. Exact: names are compared.
  struct seen_record {
    std::int64_t version = 0;    // 0: nothing here
    std::array<char, 46> name{}; // entity and id, one behind the other
    std::uint8_t entity_bytes = 0, name_bytes = 0;
    bool deleted = false;

    bool holds(const core::event_view& event) const;
    void hold(const core::event_view& event);
  };
  static constexpr std::size_t remembered = std::size_t{1} << 15;

  // An event whose predecessor must be asked for; its names stand in `names_`, one behind the other.
  struct open_event {
    std::int64_t position = 0, version = 0;
    std::string_view action; // a word that core knows
    std::size_t entity_at = 0, id_at = 0, end_at = 0;
  };

  core::event_view view_of(const open_event& event) const;
  void keep_open(const core::event_view& event);
  void look_up(std::span<const open_event> asked);
  void fails(const core::event_view& event, const char* kind, std::string why, std::string stored,
             std::string computed);
  void follows(const core::event_view& event, bool after_deleted);

  pg::plain_connection& db_;
  std::vector<seen_record> records_;
  std::vector<open_event> open_;
  std::string names_;
  std::optional<difference> first_;
};

} // namespace synclog::eventstore
