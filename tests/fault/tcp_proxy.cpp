// See tcp_proxy.hpp. One thread, callbacks: each relay reads a piece, waits while its direction is silent,
// writes it, and reads on.
#include "fault/tcp_proxy.hpp"
#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <set>
#include <thread>
#include <utility>

namespace synclog::tests::fault {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::size_t piece_bytes = 64u << 10;

struct directions {
  bool silent[2] = {false, false}; // by tcp_proxy::direction
};

// One client and its way to the server, both directions.
class relay : public std::enable_shared_from_this<relay> {
 public:
  relay(tcp::socket client, const directions& state, const tcp_proxy::rewriter& downstream,
        std::function<void(const std::shared_ptr<relay>&)> on_end)
      : sides_{std::move(client), tcp::socket(client.get_executor())}, state_(state), downstream_(downstream),
        on_end_(std::move(on_end)) {}

  void start(std::uint16_t to_port) {
    auto self = shared_from_this();
    sides_[1].async_connect(tcp::endpoint(asio::ip::address_v4::loopback(), to_port),
                            [self](const boost::system::error_code& failed) {
                              if (failed) {
                                self->reset();
                                return;
                              }
                              for (auto& side : self->sides_)
                                side.set_option(tcp::no_delay(true));
                              self->read(0);
                              self->read(1);
                            });
  }

  // Goes on with what a silence has held up.
  void resume() {
    for (const std::size_t towards : {0, 1}) {
      if (held_[towards]) write(towards);
    }
  }

  void reset() {
    for (auto& side : sides_) {
      boost::system::error_code ignored;
      side.set_option(asio::socket_base::linger(true, 0), ignored);
      side.close(ignored);
    }
    end();
  }

 private:
  // `towards` 0: from the client to the server; 1: back.
  tcp::socket& source(std::size_t towards) { return sides_[towards]; }
  tcp::socket& sink(std::size_t towards) { return sides_[1 - towards]; }

  void read(std::size_t towards) {
    auto self = shared_from_this();
    pieces_[towards].resize(piece_bytes);
    source(towards).async_read_some(
        asio::buffer(pieces_[towards]),
        [self, towards](const boost::system::error_code& failed, std::size_t got) {
          self->pieces_[towards].resize(failed ? 0 : got);
          self->ended_[towards] = bool(failed);
          if (failed && failed != asio::error::eof) {
            self->reset();
            return;
          }
          self->held_[towards] = true;
          if (!self->state_.silent[towards]) self->write(towards);
        });
  }

  void write(std::size_t towards) {
    held_[towards] = false;
    if (ended_[towards]) {
      boost::system::error_code ignored;
      sink(towards).shutdown(tcp::socket::shutdown_send, ignored);
      if (ended_[1 - towards] && !held_[1 - towards]) end();
      return;
    }
    if (towards == 1 && downstream_) downstream_(pieces_[towards]);
    auto self = shared_from_this();
    asio::async_write(sink(towards), asio::buffer(pieces_[towards]),
                      [self, towards](const boost::system::error_code& failed, std::size_t) {
                        if (failed)
                          self->reset();
                        else
                          self->read(towards);
                      });
  }

  void end() {
    if (auto tell = std::exchange(on_end_, nullptr)) tell(shared_from_this());
  }

  std::array<tcp::socket, 2> sides_; // client, server
  const directions& state_;
  const tcp_proxy::rewriter& downstream_;
  std::function<void(const std::shared_ptr<relay>&)> on_end_;
  std::array<std::string, 2> pieces_;
  std::array<bool, 2> held_{}; // a piece is read and not yet written
  std::array<bool, 2> ended_{};
};

} // namespace

struct tcp_proxy::impl {
  impl(target to, rewriter change)
      : where(std::move(to)), downstream(std::move(change)),
        acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        port(acceptor.local_endpoint().port()) {
    accept();
    thread = std::thread([this] { context.run(); });
  }
  ~impl() {
    run([this] {
      boost::system::error_code ignored;
      acceptor.close(ignored);
      reset_all();
    });
    context.stop();
    thread.join();
  }

  void accept() {
    acceptor.async_accept([this](const boost::system::error_code& failed, tcp::socket client) {
      if (!acceptor.is_open()) return;
      const auto to_port = failed ? std::uint16_t{0} : where();
      if (to_port != 0) {
        auto forget = [this](const std::shared_ptr<relay>& gone) {
          relays.erase(gone);
          count = relays.size();
        };
        auto made = std::make_shared<relay>(std::move(client), state, downstream, std::move(forget));
        relays.insert(made);
        count = relays.size();
        made->start(to_port);
      }
      accept();
    });
  }
  std::size_t reset_all() {
    const auto all = relays;
    for (const auto& one : all)
      one->reset();
    return all.size();
  }
  // On the proxy's thread, and waits for it.
  void run(const std::function<void()>& task) {
    std::promise<void> done;
    asio::post(context, [&task, &done] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }

  target where;
  rewriter downstream;
  directions state;
  asio::io_context context{1};
  std::set<std::shared_ptr<relay>> relays;
  std::atomic<std::size_t> count{0};
  tcp::acceptor acceptor;
  std::uint16_t port;
  std::thread thread;
};

tcp_proxy::tcp_proxy(target to, rewriter downstream)
    : impl_(std::make_unique<impl>(std::move(to), std::move(downstream))) {}
tcp_proxy::~tcp_proxy() = default;

std::uint16_t tcp_proxy::port() const {
  return impl_->port;
}
std::size_t tcp_proxy::connections() const {
  return impl_->count;
}

std::size_t tcp_proxy::reset_all() {
  std::size_t ended = 0;
  impl_->run([&] { ended = impl_->reset_all(); });
  return ended;
}

void tcp_proxy::silence(direction towards) {
  impl_->run([&] { impl_->state.silent[static_cast<std::size_t>(towards)] = true; });
}

void tcp_proxy::resume() {
  impl_->run([&] {
    impl_->state = {};
    const auto all = impl_->relays;
    for (const auto& one : all)
      one->resume();
  });
}

} // namespace synclog::tests::fault
