// See subscriber.hpp.
#include "tests/streams/subscriber.hpp"
#include "core/json.hpp"
#include "tests/support/ws_client.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/socket.h>

namespace synclog::tests::streams {

using namespace std::chrono_literals;

namespace {

constexpr auto close_patience = 30s; // for the server's close frame
constexpr auto shortest_life = 20ms;
constexpr int longest_pause_ms = 120; // between two connections
constexpr std::size_t read_bytes = 16u << 10;
constexpr int reads_a_turn = 16;
constexpr auto change_every = 40ms; // about; of a fickle one
constexpr std::array<const char*, 8> all_resources{
    "appointments",          "campaigns",      "clients",        "distributors",
    "finance-cash-requests", "leave-requests", "stock-requests", "visits"};
constexpr std::array<const char*, 4> some_branches{"north", "south", "east", "west"};

void append_list(std::string& out, std::string_view name, const std::vector<std::string>& values) {
  if (values.empty()) return;
  out += fmt::format(R"(,"{}":[)", name);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out.push_back(',');
    core::json::append_string(out, values[i]);
  }
  out.push_back(']');
}

void append_query(std::string& out, std::string_view name, const std::vector<std::string>& values) {
  for (const auto& value : values)
    out += fmt::format("{}{}={}", out.find('?') == std::string::npos ? '?' : '&', name, value);
}

std::string subscribe_text(const std::string& name, const interest& wanted, const std::string& after) {
  std::string text = R"({"type":"subscribe")";
  if (!name.empty()) text += fmt::format(R"(,"subscription":"{}")", name);
  append_list(text, "channels", wanted.resources);
  append_list(text, "branch", wanted.branches);
  append_list(text, "id", wanted.ids);
  append_list(text, "action", wanted.actions);
  if (!after.empty()) text += fmt::format(R"(,"after":"{}")", after);
  return text + "}";
}

} // namespace

subscriber::subscriber(subscriber_options options, std::uint64_t seed, swarm_settings& shared)
    : options_(std::move(options)), shared_(shared), random_(seed) {
  for (const auto& one : options_.interests)
    ledgers_.push_back(std::make_unique<ledger>(one, options_.from, options_.depth));
  subscribed_.resize(ledgers_.size());
  changing_.resize(ledgers_.size());
}

std::int64_t subscriber::lowest_cursor() const {
  std::int64_t lowest = INT64_MAX;
  for (const auto& one : ledgers_)
    lowest = std::min(lowest, one->cursor());
  return lowest;
}

std::string subscriber::description() const {
  return fmt::format("{} ({} subscription{}{}{}, from '{}')",
                     options_.by == transport::sse ? "SSE" : "WebSocket", ledgers_.size(),
                     ledgers_.size() == 1 ? "" : "s", options_.restless ? ", restless" : "",
                     options_.fickle ? ", fickle" : "", options_.from);
}

void subscriber::fail(const std::string& sentence) {
  problem_ = sentence;
  wire_.reset();
  broken_ = true;
}

void subscriber::leave() {
  wire_.reset();
}

// Connecting.

void subscriber::on_time(clock::time_point now) {
  if (broken_) return;
  if (!wire_) {
    if (now >= rest_until_) connect(now);
    return;
  }
  if (closing_) {
    if (now > closed_by_) fail("the server does not answer a close frame");
    return;
  }
  if (planned_ != ending::none && now >= end_at_ && shared_.restless) {
    end_connection(planned_, now);
    return;
  }
  if (options_.fickle && shared_.fickle && now >= next_change_) be_fickle(now);
}

void subscriber::connect(clock::time_point now) {
  const auto pause = std::chrono::milliseconds(10 + below(longest_pause_ms));
  server_ = below(shared_.servers);
  for (std::size_t tried = 0; shared_.port(server_) == 0 && tried < shared_.servers; ++tried)
    server_ = (server_ + 1) % shared_.servers;
  const auto port = shared_.port(server_);
  rest_until_ = now + pause;
  if (port == 0) return;
  try {
    wire_ = std::make_unique<http_client>(port);
    ++connection_number_;
    if (options_.by == transport::sse) {
      decoder_ = make_sse_decoder();
      ask_for_stream();
    } else {
      decoder_ = make_socket_decoder();
      ask_for_socket();
    }
  } catch (const std::runtime_error&) { // nobody listens there any more
    wire_.reset();
    return;
  }
  ++shared_.counters.connections;
  plan_end(now);
  next_change_ = now + change_every;
}

void subscriber::plan_end(clock::time_point now) {
  planned_ = ending::none;
  if (!options_.restless || !shared_.restless) return;
  const auto life = options_.longest_life - shortest_life;
  end_at_ = now + shortest_life + std::chrono::milliseconds(below(static_cast<std::uint64_t>(life.count())));
  const auto dice = below(3);
  planned_ = dice == 0 ? ending::orderly : dice == 1 ? ending::reset : ending::reset_in_frame;
  bytes_left_ = 1 + below(std::uint64_t{1} << (6 + below(12)));
}

void subscriber::ask_for_stream() {
  const auto& only = *ledgers_[0];
  const auto& wanted = only.wanted();
  std::string target = "/api/events";
  append_query(target, "resource", wanted.resources);
  append_query(target, "branch", wanted.branches);
  append_query(target, "id", wanted.ids);
  append_query(target, "action", wanted.actions);
  http_headers headers{{"Accept", "text/event-stream"}};
  const auto& place = only.cursor_text();
  const bool by_header = below(4) != 0;
  // Last-Event-ID beats the after= that a browser goes on sending.
  if (!place.empty()) append_query(target, "after", {by_header ? "0" : place});
  if (!place.empty() && by_header) headers.emplace_back("Last-Event-ID", place);
  wire_->send_request("GET", target, headers);
}

void subscriber::ask_for_socket() {
  wire_->send_request("GET", "/ws", ws_upgrade_headers());
  subscribe_later_ = below(2) == 0;
  if (!subscribe_later_) subscribe_all();
}

std::string subscriber::name_of(std::size_t index) const {
  return ledgers_.size() == 1 && !options_.fickle ? "" : fmt::format("s{}", index);
}

void subscriber::subscribe_all() {
  std::string frames;
  for (std::size_t index = 0; index < ledgers_.size(); ++index)
    frames +=
        ws_text(subscribe_text(name_of(index), ledgers_[index]->wanted(), ledgers_[index]->cursor_text()));
  wire_->send(frames);
}

// Reading.

void subscriber::on_readable() {
  if (broken_ || !wire_) return;
  try {
    read();
  } catch (const std::exception& wrong) {
    fail(wrong.what());
  }
}

void subscriber::read() {
  std::array<char, read_bytes> chunk;
  for (int turn = 0; turn < reads_a_turn && wire_; ++turn) {
    const bool counts = planned_ == ending::reset_in_frame && shared_.restless && !closing_;
    const auto most = counts ? std::min(bytes_left_, chunk.size()) : chunk.size();
    const auto got = recv(wire_->descriptor(), chunk.data(), most, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) {
      lose_connection();
      return;
    }
    const auto bytes = static_cast<std::size_t>(got);
    if (!take_bytes({chunk.data(), bytes})) return;
    if (!counts) continue;
    bytes_left_ -= bytes;
    if (bytes_left_ == 0) end_connection(ending::reset_in_frame, clock::now());
  }
}

bool subscriber::take_bytes(std::string_view bytes) {
  thread_local std::vector<told> frames;
  frames.clear();
  decoder_->take(bytes, frames);
  const int expected = options_.by == transport::sse ? 200 : 101;
  if (const int status = decoder_->status(); status != 0 && status != expected) {
    if (status != 503) throw std::runtime_error(fmt::format("answered {}: {}", status, bytes));
    ++shared_.counters.refused;
    hang_up(100ms);
    return false;
  }
  for (const auto& one : frames) {
    take(one);
    if (!wire_) return false;
  }
  if (const auto replies = decoder_->take_replies(); !replies.empty()) send(replies);
  return wire_ != nullptr;
}

void subscriber::take(const told& what) {
  ++shared_.counters.frames;
  if (what.name == "bye") {
    ++shared_.counters.byes;
    return;
  }
  if (what.name == "pong") return;
  if (what.name == "error") {
    take_error(what);
    return;
  }
  const bool is_sse = options_.by == transport::sse;
  if (what.name == "hello") {
    if (is_sse) {
      ledgers_[0]->started(text_member(what.text, "cursor"));
      subscribed_[0] = true;
    } else if (subscribe_later_) {
      subscribe_all();
    }
    return;
  }
  std::size_t index = 0;
  if (ledgers_.size() > 1 || options_.fickle) {
    const auto name = text_member(what.text, "subscription");
    while (index < ledgers_.size() && name_of(index) != name)
      ++index;
    if (index == ledgers_.size() && !name.starts_with("extra"))
      throw std::runtime_error("a frame of no subscription of ours: " + what.text);
  }
  const bool answers = what.name == "subscribed" || what.name == "unsubscribed";
  if (answers && !is_sse) {
    take_answer(index, what);
    return;
  }
  if (index == ledgers_.size()) return; // of a further one: nobody keeps it
  if (!subscribed_[index]) throw std::runtime_error("a frame before its subscription: " + what.text);
  ledgers_[index]->take(what);
  if (what.name != "event" || !shared_.on_event) return;
  shared_.on_event(read_envelope(what.text, envelope_depth::places).recorded_at);
}

void subscriber::take_answer(std::size_t index, const told& what) {
  if (index == ledgers_.size()) {
    ++shared_.counters.commands;
    extra_asked_ = false;
    return;
  }
  const auto at = text_member(what.text, "cursor");
  if (!subscribed_[index]) {
    ledgers_[index]->started(at);
    subscribed_[index] = true;
  } else if (changing_[index]) {
    ++shared_.counters.commands;
    ledgers_[index]->changed(std::move(*changing_[index]), at);
    changing_[index].reset();
  } else {
    throw std::runtime_error("an answer to nothing: " + what.text);
  }
}

void subscriber::take_error(const told& what) {
  const auto code = text_member(what.text, "code");
  if (code != "overloaded" && code != "database_unavailable") throw std::runtime_error(what.text);
  ++shared_.counters.refused;
  hang_up(100ms);
}

// Ending.

void subscriber::send(const std::string& bytes) {
  try {
    wire_->send(bytes);
  } catch (const std::runtime_error&) {
    lose_connection();
  }
}

void subscriber::end_connection(ending how, clock::time_point now) {
  auto& counters = shared_.counters;
  const auto pause = std::chrono::milliseconds(below(longest_pause_ms));
  if (how == ending::orderly) {
    ++counters.orderly_ends;
    if (options_.by == transport::sse) {
      hang_up(pause);
      return;
    }
    closing_ = true;
    closed_by_ = now + close_patience;
    send(ws_bytes({.opcode = ws_opcode::close, .masked = true, .payload = ws_close_payload(1000)}));
    return;
  }
  ++counters.resets;
  if (decoder_->inside_frame()) ++counters.cut_frames;
  wire_->reset();
  hang_up(pause);
}

// The other side has ended it, or it broke.
void subscriber::lose_connection() {
  if (!closing_ && !decoder_->ended()) ++shared_.counters.lost;
  hang_up(std::chrono::milliseconds(below(longest_pause_ms)));
}

void subscriber::hang_up(std::chrono::milliseconds rest) {
  wire_.reset();
  rest_until_ = clock::now() + rest;
  closing_ = extra_open_ = extra_asked_ = false;
  std::fill(subscribed_.begin(), subscribed_.end(), false);
  for (auto& one : changing_)
    one.reset();
}

// Changing in mid-stream.

void subscriber::be_fickle(clock::time_point now) {
  constexpr auto span = static_cast<std::uint64_t>(std::chrono::milliseconds(change_every).count());
  next_change_ = now + std::chrono::milliseconds(1 + below(2 * span));
  const auto index = below(ledgers_.size() + 1);
  if (index == ledgers_.size())
    change_extra();
  else if (subscribed_[index] && !changing_[index])
    change_filter(index);
}

// More resources, fewer, or other branches; the place stays.
void subscriber::change_filter(std::size_t index) {
  auto wanted = ledgers_[index]->wanted();
  auto& resources = wanted.resources;
  const auto name = name_of(index);
  std::string text;
  const auto dice = below(3);
  if (dice == 0) {
    wanted.branches = {some_branches[below(some_branches.size())]};
    interest branches_only;
    branches_only.branches = wanted.branches;
    // The resources that it has, because without any they would be all.
    branches_only.resources = resources;
    text = subscribe_text(name, branches_only, "");
  } else if (dice == 1 || resources.size() == 1) {
    const std::string more = all_resources[below(all_resources.size())];
    if (!resources.empty() && std::find(resources.begin(), resources.end(), more) == resources.end())
      resources.push_back(more);
    text = subscribe_text(name, {.resources = resources}, "");
  } else {
    if (resources.empty()) resources.assign(all_resources.begin(), all_resources.end());
    const auto left_out = resources[below(resources.size())];
    std::erase(resources, left_out);
    text = fmt::format(R"({{"type":"unsubscribe","subscription":"{}","channels":["{}"]}})", name, left_out);
  }
  changing_[index] = std::move(wanted);
  send(ws_text(text));
}

void subscriber::change_extra() {
  if (extra_asked_) return;
  extra_asked_ = true;
  extra_open_ = !extra_open_;
  if (extra_open_) ++extras_;
  const auto name = fmt::format("extra{}", extras_);
  if (!extra_open_) {
    send(ws_text(fmt::format(R"({{"type":"unsubscribe","subscription":"{}"}})", name)));
    return;
  }
  interest wanted;
  if (below(2) == 0) wanted.branches = {some_branches[below(some_branches.size())]};
  if (below(2) == 0) wanted.resources = {all_resources[below(all_resources.size())]};
  send(ws_text(subscribe_text(name, wanted, ledgers_[0]->cursor_text())));
}

} // namespace synclog::tests::streams
