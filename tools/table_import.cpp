// See table_import.hpp. A row's id comes from the row, so a page that is sent again, by this run or another
// one, changes nothing.
#include "tools/table_import.hpp"

#include "core/json.hpp"
#include "core/validate.hpp"
#include "eventstore/committer.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/pg/pool.hpp"
#include "projections/page_size.hpp"
#include "projections/read_table.hpp"
#include "tools/run_context.hpp"
#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace synclog::tools {

namespace asio = boost::asio;
namespace pg = eventstore::pg;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t max_page_rows = 1'000;
constexpr auto request_time = 60s;
constexpr auto stop_time = 20s;
constexpr int max_attempts = 5;
constexpr auto pause_between = 1s;

pg::connect_options connect_to(const database_access& database) {
  pg::connect_options made;
  made.conninfo = database.service_conninfo;
  made.application_name = "synclog import";
  return made;
}

bool is_worth_another_try(core::problem_code code) {
  return code == core::problem_code::database_unavailable || code == core::problem_code::outcome_unknown ||
         code == core::problem_code::overloaded;
}

} // namespace

// What a server writes with, without the server. The committer has a thread of its own: reading the next page
// blocks the other one.
struct table_import::writer {
  writer(asio::io_context& context, const database_access& database, const core::catalog& entities)
      : tables(entities), reads(context.get_executor(), connect_to(database), {}), log(reads),
        feed(context.get_executor(), log, {}),
        committer(commit_context.get_executor(), connect_to(database), tables, feed),
        committing(commit_context) {}

  asio::awaitable<void> stop() {
    const auto until = pg::clock::now() + stop_time;
    co_await committer.drain(until);
    co_await feed.stop();
    co_await reads.stop();
  }

  asio::io_context commit_context{1};
  projections::read_tables tables;
  pg::pool reads;
  eventstore::log_reader log;
  eventstore::feed feed;
  eventstore::committer committer;
  context_thread committing;
};

table_import::table_import(asio::io_context& context, const database_access& database,
                           const core::catalog& entities, const core::entity& definition,
                           const table_import_options& options, eventstore::whole_file* rejects,
                           eventstore::progress_callback progress, const std::atomic<bool>& stop)
    : definition_(definition), options_(options), rejects_(rejects), progress_(std::move(progress)),
      stop_(stop) {
  if (options.mode != adoption_mode::validate)
    writer_ = std::make_unique<writer>(context, database, entities);
}

table_import::~table_import() = default;

asio::awaitable<void> table_import::run(projections::source_table& source,
                                        const projections::adoption_plan& plan) {
  if (writer_) {
    const auto until = pg::clock::now() + request_time;
    co_await writer_->feed.start(until);
    writer_->committer.start();
  }
  projections::page_size size;
  while (!report_.ended) {
    const auto page = source.next_page(std::min(size.rows(), max_page_rows));
    if (page.empty()) break;
    std::vector<core::command> commands;
    std::size_t bytes = 0;
    for (const auto& row : page) {
      ++report_.rows;
      for (const auto& cell : row.cells)
        bytes += cell ? cell->size() : 0;
      auto record = plan.to_record(row);
      if (!record) {
        reject(row.key, record.error());
        continue;
      }
      auto& wanted = commands.emplace_back();
      wanted.definition = &definition_;
      wanted.id = std::move(record->id);
      wanted.fields = std::move(record->fields);
    }
    size.saw(page.size(), bytes);
    if (!writer_)
      validate(commands);
    else if (!commands.empty())
      co_await save(std::move(commands));
    if (progress_) progress_({"import", report_.rows, source.estimated_rows()});
    if (stop_ && !report_.ended) report_.ended = core::make_problem(core::problem_code::draining, "stopped");
  }
  if (writer_) co_await writer_->stop();
}

asio::awaitable<void> table_import::save(std::vector<core::command> commands) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  for (int attempt = 1;; ++attempt) {
    eventstore::write_request request;
    request.commands = commands;
    request.caller.actor = options_.actor;
    request.user_agent = "synclog import";
    request.dry_run = options_.mode == adoption_mode::decide;
    request.until = pg::clock::now() + request_time;
    const auto saved = co_await writer_->committer.submit(std::move(request));
    if (saved) {
      count(saved->items);
      co_return;
    }
    if (attempt == max_attempts || !is_worth_another_try(saved.error().code) || stop_) {
      report_.ended = saved.error();
      co_return;
    }
    pause.expires_after(pause_between);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

void table_import::count(const std::vector<core::item_outcome>& items) {
  for (const auto& item : items) {
    switch (item.status) {
    case core::item_status::created:
      ++report_.created;
      break;
    case core::item_status::unchanged:
      ++report_.unchanged;
      break;
    case core::item_status::rejected:
      reject(item.id, *item.error);
      break;
    default:
      ++report_.updated;
    }
  }
}

void table_import::validate(const std::vector<core::command>& commands) {
  for (const auto& wanted : commands) {
    auto missing = core::check_required(definition_, wanted.fields, "");
    if (missing.empty()) {
      ++report_.created;
      continue;
    }
    auto why = core::make_problem(core::problem_code::invalid, "fields are missing");
    why.errors = std::move(missing);
    reject(wanted.id, why);
  }
}

void table_import::reject(std::string key, const core::problem& why) {
  ++report_.rejected;
  rejected_row row{std::move(key), why.errors};
  if (row.errors.empty()) row.errors.push_back({"", why.detail});
  if (rejects_ != nullptr) {
    std::string line = "{\"key\":" + core::json::quoted(row.key) + ",\"errors\":[";
    for (const auto& error : row.errors) {
      if (line.back() != '[') line += ',';
      line += "{\"pointer\":" + core::json::quoted(error.pointer) +
              ",\"detail\":" + core::json::quoted(error.detail) + "}";
    }
    const auto written = rejects_->write(line + "]}\n", stop_);
    if (!written && !report_.ended) report_.ended = written.error();
  }
  if (report_.shown.size() < table_import_report::max_shown) report_.shown.push_back(std::move(row));
}

} // namespace synclog::tools
