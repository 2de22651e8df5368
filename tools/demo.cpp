// See demo.hpp.
#include "tools/demo.hpp"

#include "core/json.hpp"
#include "core/validate.hpp"
#include <span>
#include <string_view>
#include <utility>

namespace synclog::tools {

std::span<const std::pair<std::string_view, std::string_view>> embedded_demo_files();

namespace {

constexpr auto deadline = std::chrono::seconds(30);

core::result<std::vector<core::command>> read_samples(const core::catalog& entities,
                                                      const core::json::document& samples) {
  std::vector<core::command> commands;
  for (const auto& [name, records] : samples.root().members()) {
    const auto* definition = entities.find(name);
    if (definition == nullptr) {
      continue; // replaced by a definition of the operator's own
    }
    for (const auto& sample : records.items()) {
      auto valid = core::validate_object(*definition, sample, "");
      if (!valid) {
        return valid.error();
      }
      core::command wanted;
      wanted.definition = definition;
      wanted.fields = std::move(valid->fields);
      commands.push_back(std::move(wanted));
    }
  }
  return commands;
}

} // namespace

boost::asio::awaitable<core::result<std::size_t>>
load_demo(const core::catalog& entities, eventstore::committer& writer, core::position head) {
  if (head.value > 0) {
    co_return std::size_t{0};
  }
  const auto samples = core::json::parse(embedded_demo_files().front().second);
  if (!samples) {
    co_return samples.error();
  }
  auto commands = read_samples(entities, *samples);
  if (!commands) {
    co_return commands.error();
  }
  eventstore::write_request request;
  request.commands = std::move(*commands);
  request.caller.actor = "demo";
  request.until = eventstore::pg::clock::now() + deadline;
  const auto saved = co_await writer.submit(std::move(request));
  if (!saved) {
    co_return saved.error();
  }
  std::size_t count = 0;
  for (const auto& item : saved->items) {
    count += item.status == core::item_status::created ? 1 : 0;
  }
  co_return count;
}

} // namespace synclog::tools
