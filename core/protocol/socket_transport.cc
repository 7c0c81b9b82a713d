#include "core/protocol/socket_transport.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/base/check.h"
#include "core/base/error.h"

namespace seqsweep {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLeaveAfter{5000};  // A peer that is stopped takes nothing any more.
constexpr uint32_t kBytesMax = 1U << 30;   // Of a message: more is no length of ours.

// Each message stands behind its length, in the machine's order of bytes.
class SocketTransport : public Transport {
 public:
  SocketTransport(Descriptor socket, int rank, int peer)
      : socket_(std::move(socket)), rank_(rank), peer_(peer) {}

  ~SocketTransport() override {
    const auto deadline = steady_clock::now() + kLeaveAfter;
    while (!left() && steady_clock::now() < deadline) {
      await(POLLOUT, deadline - steady_clock::now());
      write();
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return 2; }

  void send(int peer, const Message& message) override {
    SEQ_CHECK(peer == peer_);
    const std::vector<uint8_t> bytes = encode(message);
    if (bytes.size() > kBytesMax) {
      throw_world("message of {} bytes: {} at most are sent", bytes.size(), kBytesMax);
    }
    const auto length = static_cast<uint32_t>(bytes.size());
    const auto* header = reinterpret_cast<const uint8_t*>(&length);
    leaving_.insert(leaving_.end(), header, header + sizeof(length));
    leaving_.insert(leaving_.end(), bytes.begin(), bytes.end());
    write();
  }

  std::optional<Envelope> receive(int64_t timeout_ms) override {
    const auto deadline = steady_clock::now() + milliseconds(timeout_ms);
    for (;;) {
      write();
      if (auto message = next_whole()) return Envelope{peer_, std::move(*message)};
      if (ended_) return std::nullopt;
      if (read()) continue;
      const auto wait = deadline - steady_clock::now();
      if (wait <= steady_clock::duration::zero()) return std::nullopt;
      await(left() ? POLLIN : POLLIN | POLLOUT, wait);
    }
  }

  std::vector<int> take_dead() override {
    if (!ended_ || told_ || holds_whole()) return {};
    told_ = true;
    return {peer_};
  }

 private:
  bool left() const { return written_ == leaving_.size(); }

  void await(int events, steady_clock::duration wait) const {
    pollfd look{socket_.number(), static_cast<short>(events), 0};
    const auto wait_ms = std::chrono::ceil<milliseconds>(wait).count();
    ::poll(&look, 1, static_cast<int>(std::max<int64_t>(0, wait_ms)));
  }

  void write() {
    while (!left()) {
      const ssize_t bytes = ::send(socket_.number(), leaving_.data() + written_,
                                   leaving_.size() - written_, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (bytes >= 0) {
        written_ += static_cast<size_t>(bytes);
      } else if (errno == EAGAIN) {
        return;
      } else if (errno != EINTR) {
        break;  // Nobody reads it any more. What was said before may still be here.
      }
    }
    leaving_.clear();
    written_ = 0;
  }

  // False: nothing is there.
  bool read() {
    std::array<uint8_t, 64 << 10> part;
    const ssize_t bytes = ::recv(socket_.number(), part.data(), part.size(), MSG_DONTWAIT);
    if (bytes > 0) {
      arrived_.erase(arrived_.begin(), arrived_.begin() + static_cast<ptrdiff_t>(taken_));
      taken_ = 0;
      arrived_.insert(arrived_.end(), part.begin(), part.begin() + bytes);
      return true;
    }
    if (bytes < 0 && errno == EINTR) return true;
    ended_ = bytes == 0 || errno != EAGAIN;
    return ended_;
  }

  uint32_t next_length() const {
    uint32_t length = 0;
    std::memcpy(&length, arrived_.data() + taken_, sizeof(length));
    return length;
  }

  bool holds_whole() const {
    const size_t bytes = arrived_.size() - taken_;
    return bytes >= sizeof(uint32_t) && bytes - sizeof(uint32_t) >= next_length();
  }

  std::optional<Message> next_whole() {
    const bool has_length = arrived_.size() - taken_ >= sizeof(uint32_t);
    if (has_length && next_length() > kBytesMax) {
      throw_world("a message of {} bytes is announced: {} at most are sent", next_length(),
                  kBytesMax);
    }
    if (!holds_whole()) return std::nullopt;
    const auto begin = arrived_.begin() + static_cast<ptrdiff_t>(taken_ + sizeof(uint32_t));
    const std::vector<uint8_t> bytes(begin, begin + next_length());
    taken_ += sizeof(uint32_t) + bytes.size();
    return decode(bytes);
  }

  const Descriptor socket_;
  const int rank_, peer_;
  std::vector<uint8_t> leaving_, arrived_;
  size_t written_ = 0, taken_ = 0;  // Of them.
  bool ended_ = false, told_ = false;
};

}  // namespace

std::unique_ptr<Transport> make_socket_transport(Descriptor socket, int rank, int peer) {
  return std::make_unique<SocketTransport>(std::move(socket), rank, peer);
}

}  // namespace seqsweep
