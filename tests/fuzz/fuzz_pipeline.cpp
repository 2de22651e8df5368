// The grammar of libpq's pipeline mode: one step a byte, sending or receiving whatever. A model that only
// counts checks that each query of a segment gets one answer, in order, and each segment one end: never two,
// and none is lost.
#include "eventstore/pg/pipeline.hpp"
#include "fuzz/targets.hpp"
#include <array>
#include <deque>
#include <optional>

namespace synclog::fuzz {

namespace {

using grammar = eventstore::pg::pipeline;
using action = grammar::action;
using result_kind = grammar::result_kind;

constexpr std::uint32_t max_queries = 6; // of a segment

struct segment {
  std::uint32_t queries = 0;
  std::uint32_t prepares = 0; // a bit a query
  std::uint32_t answered = 0; // so many, from the first
  std::uint32_t told = 0;     // prepares said to have worked, or not: a bit a query
  std::optional<std::uint32_t> failed;
};

class model {
 public:
  void send(unsigned char step) {
    const std::uint32_t queries = (step >> 1) % (max_queries + 1);
    segment made{queries, 0, 0, 0, std::nullopt};
    for (std::uint32_t i = 0; i < queries; ++i) {
      if ((step >> (i % 4 + 2) & 1) != 0) {
        machine_.sent(grammar::command_kind::prepare, i);
        made.prepares |= 1u << i;
      }
      machine_.sent(grammar::command_kind::execute, i);
    }
    machine_.sent_sync(queries);
    open_.push_back(made);
  }

  void receive(result_kind kind) {
    const bool was_broken = machine_.broken();
    const action got = machine_.received(kind);
    require(!was_broken || got.what == action::kind::broken, "pipeline: what is broken stays so");
    require((got.what == action::kind::broken) == machine_.broken(), "pipeline: it says when it is broken");
    if (!machine_.broken()) {
      take(kind, got);
      require(machine_.outstanding() == open_.size(),
              "pipeline: it owes as many segments as were sent and not finished");
    }
  }

 private:
  void take(result_kind kind, const action& got) {
    if (got.what == action::kind::none) {
      require(kind == result_kind::null || kind == result_kind::aborted, "pipeline: no answer is dropped");
      return;
    }
    require(!open_.empty(), "pipeline: nobody gets an answer who asked nothing");
    segment& front = open_.front();
    const std::uint32_t bit = got.query_index < max_queries ? 1u << got.query_index : 0;
    switch (got.what) {
    case action::kind::answered:
      require(kind == result_kind::rows, "pipeline: an answer has rows");
      require(!front.failed && got.query_index == front.answered,
              "pipeline: queries are answered in order, each once");
      ++front.answered;
      break;
    case action::kind::failed:
      fail(front, kind, got.query_index);
      break;
    case action::kind::prepared:
    case action::kind::unprepared:
      require((front.prepares & bit) != 0 && (front.told & bit) == 0,
              "pipeline: each prepare is told of once");
      require((got.what == action::kind::prepared) == (kind == result_kind::rows),
              "pipeline: a prepare worked when it says so");
      front.told |= bit;
      if (got.failed) fail(front, kind, got.query_index);
      break;
    case action::kind::finished:
      require(kind == result_kind::sync, "pipeline: a Sync ends a segment");
      require(front.told == front.prepares, "pipeline: no prepare is forgotten");
      require(front.failed || front.answered == front.queries, "pipeline: no query is forgotten");
      open_.pop_front();
      break;
    default:
      require(false, "pipeline: it says nothing else");
    }
  }

  static void fail(segment& front, result_kind kind, std::uint32_t query_index) {
    require(kind == result_kind::error, "pipeline: a failure is an error");
    require(!front.failed, "pipeline: a segment fails once");
    require(query_index == front.answered,
            "pipeline: what fails is the first without an answer, or the commit");
    front.failed = query_index;
  }

  grammar machine_;
  std::deque<segment> open_;
};

// Follows the rules of a server most of the way, because what breaks at once shows little.
class polite_server {
 public:
  void sent(std::uint32_t commands) { commands_.push_back(commands); }

  result_kind next(unsigned char step) {
    if (null_due_) {
      null_due_ = false;
      return result_kind::null;
    }
    if (commands_.empty()) return result_kind::null;
    if (commands_.front() == 0) {
      commands_.pop_front();
      failed_ = false;
      return result_kind::sync;
    }
    --commands_.front();
    null_due_ = true;
    if (failed_) return result_kind::aborted;
    failed_ = step % 8 == 0;
    return failed_ ? result_kind::error : result_kind::rows;
  }

 private:
  std::deque<std::uint32_t> commands_;
  bool null_due_ = false, failed_ = false;
};

std::uint32_t commands_of(unsigned char step) {
  const std::uint32_t queries = (step >> 1) % (max_queries + 1);
  std::uint32_t count = queries;
  for (std::uint32_t i = 0; i < queries; ++i)
    count += step >> (i % 4 + 2) & 1;
  return count;
}

} // namespace

// Even: a segment is sent. 0xc1 and above: any result, whatever is due. Other odd ones: what a server would
// answer.
void pipeline(std::string_view input) {
  static constexpr std::array kinds{result_kind::rows, result_kind::error, result_kind::aborted,
                                    result_kind::sync, result_kind::null,  result_kind::other};
  model machine;
  polite_server server;
  for (const char each : input) {
    const auto step = static_cast<unsigned char>(each);
    if (step % 2 == 0) {
      machine.send(step);
      server.sent(commands_of(step));
    } else if (step > 0xc0) {
      machine.receive(kinds[step / 2 % kinds.size()]);
    } else {
      machine.receive(server.next(step / 2));
    }
  }
}

} // namespace synclog::fuzz
