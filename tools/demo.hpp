// --demo: sample records, saved through the committer like anybody's, so that the first screen has something
// to look at.
#pragma once
#include "core/entity.hpp"
#include "core/problem.hpp"
#include "eventstore/committer.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::tools {

// Loads the samples when the log is empty. Returns how many records were saved.
boost::asio::awaitable<core::result<std::size_t>>
load_demo(const core::catalog& entities, eventstore::committer& writer, core::position head);

} // namespace synclog::tools
