// One event as a subscriber gets it: the shared envelope with the subscriber's own `previous`, or what is
// left of it for a caller whose branches the record has moved out of; and its CloudEvents form. Pure; any
// thread.
#pragma once
#include "core/event_filter.hpp"
#include "eventstore/feed.hpp"
#include <string>

namespace synclog::http::streams {

// `verdict` is show or show_as_left.
void append_envelope(std::string& out, const eventstore::feed_event& event, core::position previous,
                     core::filter_verdict verdict);

// CloudEvents 1.0, JSON format: id = cursor, type = synclog.<resource>.<action>, subject = record id, data =
// the envelope.
void append_cloud_event(std::string& out, const eventstore::feed_event& event, core::position previous,
                        core::filter_verdict verdict);

} // namespace synclog::http::streams
