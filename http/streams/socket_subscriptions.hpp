// The subscriptions of one WebSocket, and the client's commands that change them. Belongs to its session: its
// strand, or its mutex while the stream rests.
#pragma once
#include "core/scope.hpp"
#include "http/services.hpp"
#include "http/streams/socket_frames.hpp"
#include "http/streams/subscription.hpp"
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::http::streams {

class socket_subscriptions {
 public:
  // `with` and `rung` outlive it.
  socket_subscriptions(const services& with, core::scope caller, bell& rung)
      : with_(with), caller_(std::move(caller)), bell_(rung) {}

  // The text that answers the client, or why it is refused.
  boost::asio::awaitable<core::result<std::string>> subscribe(subscribe_frame wanted);
  core::result<std::string> unsubscribe(const unsubscribe_frame& wanted);

  std::size_t size() const { return followed_.size(); }
  subscription& at(std::size_t index) { return *followed_[index]->source; }

 private:
  using text_list = std::vector<std::string>;
  // What one subscription was asked for, and its way through the log.
  struct followed {
    std::string name;
    std::optional<text_list> channels; // no value = all resources
    text_list branches, ids, actions;
    std::unique_ptr<socket_format> format{}; // with the name; outlives `source`
    std::unique_ptr<subscription> source{};
  };

  std::size_t find(std::string_view name) const; // size() when there is none
  // The problem when this server cannot carry it.
  std::optional<core::problem> open(followed& one, const subscription_start& from);
  text_list all_channels() const;

  const services& with_;
  core::scope caller_;
  bell& bell_;
  std::vector<std::unique_ptr<followed>> followed_;
};

} // namespace synclog::http::streams
