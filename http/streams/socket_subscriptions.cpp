// See socket_subscriptions.hpp.
#include "http/streams/socket_subscriptions.hpp"
#include "http/streams/event_view.hpp"
#include "http/streams/hub.hpp"
#include "http/streams/start.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace synclog::http::streams {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr auto start_deadline = 10s;

core::problem refuse(core::problem_code code, std::string detail) {
  return core::make_problem(code, std::move(detail));
}

} // namespace

// A subscription of that name goes on with more channels, another filter or another place; else a new one.
asio::awaitable<core::result<std::string>> socket_subscriptions::subscribe(subscribe_frame wanted) {
  const auto index = find(wanted.subscription);
  const bool is_new = index == followed_.size();
  if (const auto most = with_.limits.max_subscriptions; is_new && followed_.size() >= most) {
    auto detail = fmt::format("this socket has {} subscriptions, the most it can have", most);
    co_return refuse(core::problem_code::bad_request, std::move(detail));
  }
  auto made = std::make_unique<followed>();
  if (is_new) {
    made->channels.emplace();
  } else {
    const followed& before = *followed_[index];
    made->channels = before.channels;
    made->branches = before.branches;
    made->ids = before.ids;
    made->actions = before.actions;
  }
  made->name = wanted.subscription;
  if (!wanted.channels) {
    made->channels.reset();
  } else if (made->channels) {
    for (auto& one : *wanted.channels)
      if (std::find(made->channels->begin(), made->channels->end(), one) == made->channels->end())
        made->channels->push_back(std::move(one));
  }
  if (wanted.branches) made->branches = std::move(*wanted.branches);
  if (wanted.ids) made->ids = std::move(*wanted.ids);
  if (wanted.actions) made->actions = std::move(*wanted.actions);
  auto start = start_from_now(with_);
  if (wanted.after) {
    try {
      const auto resolved = co_await resolve_start(with_, *wanted.after, clock::now() + start_deadline);
      if (!resolved) co_return resolved.error();
      start = *resolved;
    } catch (const eventstore::pg::unavailable&) {
      co_return refuse(core::problem_code::database_unavailable,
                       "the log cannot be read just now: try again");
    }
  }
  count_start(with_, start);
  // Without a place of its own the new filter begins where the old one has got to: the client holds
  // everything before.
  const auto from =
      !is_new && !wanted.after ? followed_[index]->source->place() : subscription_start_of(start);
  if (auto refused = open(*made, from)) co_return std::move(*refused);
  const followed& now = *made;
  if (is_new)
    followed_.push_back(std::move(made));
  else
    followed_[index] = std::move(made);
  co_return subscribed_text(now.name, now.channels, wanted.unknown, from.at, with_.entities);
}

core::result<std::string> socket_subscriptions::unsubscribe(const unsubscribe_frame& wanted) {
  const auto index = find(wanted.subscription);
  if (index == followed_.size())
    return refuse(core::problem_code::bad_request, "there is no such subscription here");
  const followed& before = *followed_[index];
  text_list left;
  if (wanted.channels) {
    left = before.channels ? *before.channels : all_channels();
    const auto leaves = [&wanted](const std::string& one) {
      return std::find(wanted.channels->begin(), wanted.channels->end(), one) != wanted.channels->end();
    };
    std::erase_if(left, leaves);
  }
  if (left.empty()) {
    followed_.erase(followed_.begin() + static_cast<std::ptrdiff_t>(index));
    return unsubscribed_text(wanted.subscription, {}, {});
  }
  auto made = std::make_unique<followed>();
  made->name = before.name;
  made->channels = left;
  made->branches = before.branches;
  made->ids = before.ids;
  made->actions = before.actions;
  const auto from = before.source->place();
  if (auto refused = open(*made, from)) return std::move(*refused);
  followed_[index] = std::move(made);
  return unsubscribed_text(wanted.subscription, left, from.at);
}

std::size_t socket_subscriptions::find(std::string_view name) const {
  std::size_t index = 0;
  while (index < followed_.size() && followed_[index]->name != name)
    ++index;
  return index;
}

std::optional<core::problem> socket_subscriptions::open(followed& one, const subscription_start& from) {
  core::event_filter filter;
  filter.caller = caller_;
  if (one.channels) filter.resources = *one.channels;
  // Only unknown channels: nothing has this name, and an empty list would be everything.
  if (one.channels && one.channels->empty()) filter.resources = {""};
  filter.branches = one.branches;
  filter.ids = one.ids;
  filter.actions = one.actions;
  auto channel = with_.streams.join(
      std::make_shared<const event_view>(std::move(filter), shared_socket_format()), bell_);
  if (!channel) return channel.error();
  one.format = std::make_unique<socket_format>(one.name);
  one.source = std::make_unique<subscription>(with_, std::move(*channel), from, *one.format);
  return std::nullopt;
}

socket_subscriptions::text_list socket_subscriptions::all_channels() const {
  text_list names;
  for (const auto& definition : with_.entities.all())
    names.push_back(definition->name);
  return names;
}

} // namespace synclog::http::streams
