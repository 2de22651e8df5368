// One record as it stands: from memory when the log says that it has not changed, else from its read table.
#pragma once
#include "core/entity.hpp"
#include "core/scope.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>

namespace synclog::http::handlers {

struct current_record {
  std::string doc;
  std::int64_t version = 0;
};

// Never older than any write that any server over this database acknowledged before the call. Empty when
// there is none that the caller may see. Throws eventstore::pg's exceptions.
boost::asio::awaitable<std::optional<current_record>> find_record(const services& with,
                                                                  const core::entity& definition,
                                                                  std::string id, core::scope caller,
                                                                  eventstore::pg::deadline until);

} // namespace synclog::http::handlers
