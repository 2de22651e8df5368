// Streams taken apart: server-sent events and WebSocket frames in whatever pieces, and what an event says.
#include "tools/load/slot_queue.hpp"
#include "tools/load/stream_event.hpp"
#include "tools/load/stream_frames.hpp"
#include <algorithm>
#include <deque>
#include <doctest/doctest.h>
#include <random>
#include <string>
#include <vector>

using namespace synclog::tools::load;

namespace {

struct collector {
  std::vector<std::string> all;
  void data(std::string_view name, std::string_view text) {
    all.push_back("data " + std::string(name) + " " + std::string(text));
  }
  void message(std::string_view text) { all.emplace_back(text); }
  void control(ws_code code, std::string_view payload) {
    all.push_back("control " + std::to_string(static_cast<int>(code)) + " " + std::string(payload));
  }
};

// As a server sends it: without a mask.
std::string server_frame(unsigned first, std::string_view payload) {
  std::string out(1, static_cast<char>(first));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(payload.size()));
  } else if (payload.size() < 65'536) {
    out += {126, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size() & 0xff)};
  } else {
    out.push_back(127);
    for (int shift = 56; shift >= 0; shift -= 8)
      out.push_back(static_cast<char>(payload.size() >> shift & 0xff));
  }
  return out.append(payload);
}

template <class Frames>
std::vector<std::string> taken_in_pieces(const std::string& bytes, std::mt19937_64& random, bool& good) {
  Frames frames;
  collector sink;
  good = true;
  for (std::size_t at = 0; at < bytes.size() && good;) {
    const auto length = 1 + random() % (random() % 3 == 0 ? 50'000 : 5);
    good = frames.push(std::string_view(bytes).substr(at, length), sink);
    at += length;
  }
  return sink.all;
}

const std::string event =
    R"({"type":"event","position":1042,"cursor":"1042-9f3a6c1e","previous":1037,"resource":"clients",)"
    R"("action":"created","id":"C","version":1,"branch":"b","actor":"a",)"
    R"("recorded_at":"2026-11-23T04:05:06.123456Z","data":{"data":{"sent_ns":"0000000000000000123"}}})";

} // namespace

TEST_CASE("stream frames: server-sent events are the same in whatever pieces they come") {
  const std::string bytes =
      "retry: 4000\r\n\r\nevent: hello\ndata: {\"cursor\":\"7-aa\"}\n\n: a comment\n\nid: 8-bb\ndata: one\n\n"
      "data:two\n\nevent:message\r\ndata: three\r\n\r\ndata: " +
      std::string(100'000, 'x') + "\n\ndata: cut off";
  const std::vector<std::string> wanted{"data hello {\"cursor\":\"7-aa\"}", "data  one", "data  two",
                                        "data message three", "data  " + std::string(100'000, 'x')};
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  bool good = true;
  for (int round = 0; round < 100; ++round)
    REQUIRE((taken_in_pieces<sse_lines>(bytes, random, good) == wanted && good));
}

TEST_CASE("stream frames: WebSocket messages are the same in whatever pieces they come") {
  const std::string medium(1'000, 'm'), large(70'000, 'l');
  const std::string bytes = server_frame(0x81, "hi") + server_frame(0x81, medium) +
                            server_frame(0x89, "ping") + server_frame(0x01, "in ") + server_frame(0x8a, "") +
                            server_frame(0x00, "three ") + server_frame(0x80, "pieces") +
                            server_frame(0x81, large) + server_frame(0x81, "") +
                            server_frame(0x88, "\x03\xe8");
  const std::vector<std::string> wanted{"hi",  medium, "control 9 ping",    "control 10 ", "in three pieces",
                                        large, "",     "control 8 \x03\xe8"};
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  bool good = true;
  for (int round = 0; round < 100; ++round)
    REQUIRE((taken_in_pieces<ws_frames>(bytes, random, good) == wanted && good));
}

TEST_CASE("stream frames: a server that breaks the protocol is noticed") {
  std::mt19937_64 random(1);
  const auto breaks = [&](const std::string& bytes) {
    bool good = true;
    taken_in_pieces<ws_frames>(bytes, random, good);
    return !good;
  };
  CHECK(breaks(client_frame(ws_code::text, "masked")));
  CHECK(breaks(server_frame(0x80, "a piece of nothing")));
  CHECK(breaks(server_frame(0x01, "begun") + server_frame(0x81, "begun again")));
  CHECK(breaks(std::string("\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10)));
  sse_lines lines;
  collector sink;
  CHECK_FALSE(lines.push(std::string(sse_lines::max_line_bytes + 1, 'x'), sink));
}

TEST_CASE("stream frames: what a client sends has its length and a mask of nothing") {
  for (const std::size_t size : {0, 125, 126, 65'535, 65'536}) {
    auto frame = client_frame(ws_code::text, std::string(size, 'x'));
    REQUIRE((static_cast<unsigned char>(frame[1]) & 0x80U) != 0);
    frame[1] = static_cast<char>(static_cast<unsigned char>(frame[1]) & 0x7fU);
    const auto head = size < 126 ? 2U : size < 65'536 ? 4U : 10U;
    frame.erase(head, 4);
    CHECK(frame == server_frame(0x81, std::string(size, 'x')));
  }
}

TEST_CASE("stream event: its place, its beginning and the cursors around it are found") {
  const auto place = place_of(event);
  REQUIRE(place.has_value());
  CHECK(place->position == 1042);
  CHECK(place->previous == 1037);
  CHECK_FALSE(place_of(R"({"type":"hello","cursor":"1-a"})").has_value());
  CHECK_FALSE(place_of(R"({"type":"event","position":7,"cursor":"7-a","resource":"x"})").has_value());
  CHECK_FALSE(place_of(event.substr(0, 40)).has_value());
  CHECK(cursor_of(R"({"type":"caught_up","cursor":"99-9f3a6c1e"})") == 99);
  CHECK_FALSE(cursor_of(R"({"type":"pong"})").has_value());
  CHECK_FALSE(cursor_of(R"({"cursor":""})").has_value());
  CHECK(begin_finder::recorded_ns(event) == 1'795'406'706'123'456'000);
  CHECK_FALSE(begin_finder::recorded_ns(R"({"recorded_at":"yesterday"})").has_value());
}

TEST_CASE("stream event: the moment of sending is found where it was before, and elsewhere") {
  begin_finder finder;
  CHECK(finder.sent_ns(event) == 123);
  CHECK(finder.sent_ns("longer " + event) == 123);
  CHECK(finder.sent_ns(event + " and more behind it") == 123);
  CHECK(finder.sent_ns(event) == 123);
  CHECK_FALSE(finder.sent_ns(R"({"sent_ns":"12"})").has_value());
  CHECK_FALSE(finder.sent_ns("{}").has_value());
  CHECK_FALSE(finder.sent_ns("").has_value());
}

TEST_CASE("slot queue: connections come back in the order they were freed, and those removed never") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  constexpr std::size_t most = 12;
  slot_queue queue(most);
  std::deque<std::size_t> model;
  for (int step = 0; step < 20'000; ++step) {
    const auto index = random() % 5;
    switch (random() % 5) {
    case 0:
    case 1:
      queue.push(index);
      if (model.size() < most) model.push_back(index);
      break;
    case 2:
      queue.remove(index);
      std::erase(model, index);
      break;
    default:
      if (model.empty()) break;
      REQUIRE(queue.pop() == model.front());
      model.pop_front();
    }
    REQUIRE(queue.empty() == model.empty());
  }
}
