// synclog on a private PostgreSQL with the settings that every comparison names (docs/performance.md).
#pragma once
#include "fault/serving.hpp"

namespace synclog::tests::bench {

// fsync and synchronous_commit on, shared_buffers 512 MB, max_wal_size 4 GB. Starts it twice, because
// shared_buffers is read at the start.
void start_with_settings(fault::serving& server);

} // namespace synclog::tests::bench
