// A write request as it is understood before its body is read: entity, parameters, preferences, conditions;
// and the committer's request made from it. Lives for one request, on its session's strand.
#pragma once
#include "core/command.hpp"
#include "core/entity.hpp"
#include "core/problem.hpp"
#include "eventstore/committer.hpp"
#include "http/handlers/conditions.hpp"
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synclog::http::handlers {

enum class return_preference : std::uint8_t { unset, minimal, representation };

// Prefer (RFC 7240); unknown preferences are ignored, as it says.
struct preferences {
  std::optional<eventstore::bulk_handling> handling{};
  return_preference returned = return_preference::unset;

  // "return=minimal, handling=strict": what to say in Preference-Applied; "" = nothing was preferred.
  std::string applied(bool bulk) const;
};
preferences read_preferences(const request& asked);

struct opened_write {
  const core::entity* definition = nullptr;
  bool dry_run = false;
  handlers::preferences preferences;
  write_conditions conditions;
  std::string idempotency_key;                                 // "" = none
  std::vector<std::pair<std::string, std::string>> column_map; // ?map=DRN:distributor_code
};

// Everything that can be refused without the body: 404 unknown entity, 400 for parameters, conditions and
// Idempotency-Key. That the caller may write is the route's affair (access::write).
core::result<opened_write> open_write(const services& with, const request& asked,
                                      std::span<const std::string_view> known_parameters);

eventstore::write_request make_write_request(const request& asked, const opened_write& opened,
                                             std::vector<core::command> commands);

// The conditions of the headers on one record's command: bad_request where they contradict its own.
std::optional<core::problem> add_conditions(core::command& wanted, const write_conditions& conditions);

// If-Match: * on a POST, which would create the record. Looks before the write: a delete in between makes the
// write a re-creation; who must exclude that names the version.
boost::asio::awaitable<std::optional<core::problem>> check_exists(const services& with, const request& asked,
                                                                  const opened_write& opened, std::string id);

// Commits one command and makes the answer of it.
boost::asio::awaitable<core::result<response>> submit_one(const services& with, const request& asked,
                                                          const opened_write& opened, core::command wanted);

// What makes two requests with one Idempotency-Key the same request: method, path, parameters, content type,
// preferences, conditions and body.
core::sha256_digest request_fingerprint(const request& asked);

// "browser", "curl", "script" …: enough for an audit, too little to follow a person by.
std::string_view user_agent_class(std::string_view user_agent);

} // namespace synclog::http::handlers
