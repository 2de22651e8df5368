// See lookups.hpp.
#include "http/auth/lookups.hpp"
#include "eventstore/reply_slot.hpp"
#include <vector>

namespace synclog::http::auth {

namespace asio = boost::asio;
using slot_ptr = std::unique_ptr<eventstore::reply_slot<lookups::outcome>>;

class lookups::lookup {
 public:
  std::vector<slot_ptr> waiting; // as many as there are connections at most
  std::optional<outcome> came;
};

lookups::turn lookups::begin(const std::string& key, bool likely) {
  const std::lock_guard guard(mutex_);
  if (const auto found = by_key_.find(key); found != by_key_.end()) return {found->second, false};
  const auto most = likely ? most_ : most_ - most_ / 4;
  if (by_key_.size() + unshared_ >= most) return {};
  auto made = std::make_shared<lookup>();
  if (key.empty())
    ++unshared_;
  else
    by_key_.emplace(key, made);
  return {std::move(made), true};
}

void lookups::end(const std::string& key, lookup& one, const outcome& came) {
  std::vector<slot_ptr> waiting;
  {
    const std::lock_guard guard(mutex_);
    if (key.empty())
      --unshared_;
    else
      by_key_.erase(key);
    one.came = came;
    waiting.swap(one.waiting);
  }
  for (auto& each : waiting)
    each->complete(came);
}

asio::awaitable<lookups::outcome> lookups::wait(std::shared_ptr<lookup> one) {
  auto keep = [this, one](slot_ptr slot) {
    {
      const std::lock_guard guard(mutex_);
      if (!one->came) {
        one->waiting.push_back(std::move(slot));
        return;
      }
    }
    slot->complete(*one->came);
  };
  co_return co_await eventstore::wait_for_reply<outcome>(std::move(keep));
}

} // namespace synclog::http::auth
