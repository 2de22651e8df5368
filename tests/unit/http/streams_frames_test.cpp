// Frames of a WebSocket: ours as bytes, the client's as commands; and the bell.
#include "core/entity.hpp"
#include "http/streams/bell.hpp"
#include "http/streams/socket_frames.hpp"
#include "http/streams/wire_format.hpp"
#include <doctest/doctest.h>
#include <optional>
#include <random>
#include <string>

namespace core = synclog::core;
namespace http = synclog::http;
namespace streams = synclog::http::streams;
using namespace std::chrono_literals;

namespace {

const core::catalog& entities() {
  static const auto loaded = core::catalog::load("");
  return *loaded;
}

std::string refusal(std::string_view text) {
  const auto parsed = streams::parse_client_frame(text, entities());
  return parsed ? "taken" : std::string(core::to_string(parsed.error().code));
}

streams::subscribe_frame subscribe(std::string_view text) {
  auto parsed = streams::parse_client_frame(text, entities());
  REQUIRE(parsed.has_value());
  return std::get<streams::subscribe_frame>(*parsed);
}

} // namespace

TEST_CASE("socket frames: lengths take one, three or nine bytes") {
  const auto head_of = [](std::size_t length) {
    std::string out;
    streams::socket_format::append_frame(out, std::string(length, 'x'));
    return out.substr(0, out.size() - length);
  };
  CHECK(head_of(0) == std::string("\x81\x00", 2));
  CHECK(head_of(125) == std::string("\x81\x7d", 2));
  CHECK(head_of(126) == std::string("\x81\x7e\x00\x7e", 4));
  CHECK(head_of(65'535) == std::string("\x81\x7e\xff\xff", 4));
  CHECK(head_of(65'536) == std::string("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
  std::string close;
  streams::socket_format::append_close(close, 4'413, std::string(200, 'y'));
  CHECK(close.size() == 2 + 125);
  CHECK(close.substr(0, 4) == std::string("\x88\x7d\x11\x3d", 4));
}

TEST_CASE(
    "socket frames: an event of a named subscription carries the name, others are the envelope itself") {
  const core::cursor at{{5}, 0xabcdef01};
  const std::string envelope = R"({"type":"event","data":{"a":1}})";
  std::string plain, named;
  streams::socket_format().append_event(plain, at, envelope);
  streams::socket_format("de\"sk").for_client(plain, named);
  CHECK(plain.substr(2) == envelope);
  CHECK(named.substr(2) == R"({"type":"event","data":{"a":1},"subscription":"de\"sk"})");
  CHECK(static_cast<std::size_t>(static_cast<unsigned char>(named[1])) == named.size() - 2);
  std::string hello;
  streams::socket_format("mine").append_caught_up(hello, at);
  CHECK(hello.substr(2) == R"({"type":"caught_up","cursor":"5-abcdef01","subscription":"mine"})");
}

TEST_CASE(
    "socket frames: any row of shared frames becomes the same row with the name, and without one stays") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const streams::socket_format nameless, named("mine");
  CHECK(nameless.key() == named.key()); // one channel for both
  const std::string member = R"(,"subscription":"mine")";
  const std::size_t around[] = {10, 100, 120, 126, 65'500, 65'520, 65'536, 80'000};
  for (int round = 0; round < 100; ++round) {
    std::string shared, expected, out = "kept";
    for (auto count = random() % 5; count > 0; --count) {
      const auto length = around[random() % std::size(around)] + random() % 30;
      const auto envelope = "{" + std::string(length, '}') + "}";
      nameless.append_event(shared, {{5}, 1}, envelope);
      streams::socket_format::append_frame(expected, "{" + std::string(length, '}') + member + "}");
    }
    REQUIRE(named.for_client(shared, out) == expected);
    REQUIRE(out == "kept" + expected);
    std::string unused;
    REQUIRE(nameless.for_client(shared, unused).data() == shared.data());
    REQUIRE(unused.empty());
  }
}

TEST_CASE("client frames: subscribe takes lists and single values, and tolerates unknown channels") {
  const auto plain = subscribe(R"({"type":"subscribe","channels":["clients","orders","clients"]})");
  CHECK(*plain.channels == std::vector<std::string>{"clients"});
  CHECK(plain.unknown == std::vector<std::string>{"orders"});
  CHECK_FALSE(plain.after);
  CHECK_FALSE(plain.branches);
  const auto full = subscribe(
      R"({"type":"subscribe","after":12,"branch":"north","id":["A","B"],"action":"deleted","subscription":"x"})");
  CHECK_FALSE(full.channels);
  CHECK(*full.after == "12");
  CHECK(*full.branches == std::vector<std::string>{"north"});
  CHECK(full.ids->size() == 2);
  CHECK(full.subscription == "x");
  CHECK(subscribe(R"({"type":"subscribe","channels":null,"after":"7-0000ffff"})").after == "7-0000ffff");
}

TEST_CASE("client frames: what is wrong is refused with a code") {
  CHECK(refusal("{") == "malformed");
  CHECK(refusal("[]") == "bad_request");
  CHECK(refusal("7") == "bad_request");
  CHECK(refusal(R"({"type":"dance"})") == "bad_request");
  CHECK(refusal(R"({"type":"subscribe","chanels":["clients"]})") ==
        "bad_request"); // a typo is not everything
  CHECK(refusal(R"({"type":"subscribe","channels":[1]})") == "bad_request");
  CHECK(refusal(R"({"type":"subscribe","channels":{}})") == "bad_request");
  CHECK(refusal(R"({"type":"subscribe","after":"x"})") == "bad_request");
  CHECK(refusal(R"({"type":"subscribe","after":-1})") == "bad_request");
  CHECK(refusal(R"({"type":"subscribe","action":"removed"})") == "bad_request");
  CHECK(refusal(R"({"type":"subscribe","branch":"a\u0000b"})") == "bad_request");
  CHECK(refusal(R"({"type":"subscribe","subscription":")" + std::string(65, 'x') + "\"}") == "bad_request");
  CHECK(refusal(R"({"type":"subscribe","branch":[]})") == "bad_request"); // nothing is not everything
  CHECK(refusal(R"({"type":"unsubscribe","after":1})") == "bad_request");
  CHECK(refusal(R"({"type":"ping","anything":1})") == "taken");
}

TEST_CASE("client frames: answers name channels, what is unknown, and the place") {
  const core::cursor at{{3}, 1};
  CHECK(streams::subscribed_text("", std::vector<std::string>{"clients"}, {"o\"rders"}, at, entities()) ==
        R"({"type":"subscribed","channels":["clients"],"unknown":["o\"rders"],"cursor":"3-00000001"})");
  const auto all = streams::subscribed_text("me", std::nullopt, {}, at, entities());
  CHECK(all.find(R"("leave-requests")") != std::string::npos);
  CHECK(all.ends_with(R"("subscription":"me"})"));
}

TEST_CASE("bell: the sweep rings those whose time has come") {
  struct counted final : http::wakeable {
    void wake() override { ++times; }
    int times = 0;
  };
  streams::bell_sweep sweep;
  counted soon, late, never;
  std::optional<streams::bell> first(std::in_place, sweep, soon);
  streams::bell second(sweep, late), third(sweep, never);
  const auto now = std::chrono::steady_clock::now();
  first->set_due(now + 1s);
  second.set_due(now + 1h);
  sweep.ring_due(now);
  CHECK(soon.times + late.times + never.times == 0);
  sweep.ring_due(now + 2s);
  CHECK(soon.times == 1);
  CHECK(late.times + never.times == 0);
  sweep.ring_all();
  CHECK(soon.times == 2);
  CHECK(late.times == 1);
  CHECK(never.times == 1);
  first.reset();
  CHECK(sweep.size() == 2);
  sweep.ring_all();
  CHECK(soon.times == 2);
  CHECK(never.times == 2);
}
