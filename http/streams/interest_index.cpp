// See interest_index.hpp.
#include "http/streams/interest_index.hpp"
#include <algorithm>

namespace synclog::http::streams {

// Calls `apply(bucket)` for every bucket that the channel belongs in.
template <class Change>
void interest_index::change(const channel_ptr& one, Change apply) {
  const auto wanted = one->view().interest();
  buckets* in = nullptr;
  const std::vector<std::string>* keys = nullptr;
  if (!wanted.ids.empty()) {
    in = &by_id_;
    keys = &wanted.ids;
  } else if (!wanted.branches.empty()) {
    in = &by_branch_;
    keys = &wanted.branches;
  } else if (!wanted.resources.empty()) {
    in = &by_resource_;
    keys = &wanted.resources;
  } else {
    apply(any_);
    return;
  }
  for (const auto& key : *keys) {
    auto& found = (*in)[key];
    apply(found);
    if (found.empty()) in->erase(key);
  }
}

void interest_index::add(const channel_ptr& one) {
  const auto insert = [&one](bucket& into) {
    if (std::find(into.begin(), into.end(), one) == into.end()) into.push_back(one);
  };
  change(one, insert);
}

void interest_index::remove(const channel_ptr& one) {
  const auto erase = [&one](bucket& from) { std::erase(from, one); };
  change(one, erase);
}

} // namespace synclog::http::streams
