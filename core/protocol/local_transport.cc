#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "core/base/check.h"
#include "core/protocol/transport.h"

namespace seqsweep {
namespace {

// One box an end. Messages go through their bytes, as they do over MPI.
struct Box {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<std::vector<uint8_t>> messages;
};

class LocalTransport : public Transport {
 public:
  LocalTransport(int rank, std::shared_ptr<std::array<Box, 2>> boxes)
      : rank_(rank), boxes_(std::move(boxes)) {}

  int rank() const override { return rank_; }
  int size() const override { return 2; }

  void send(int peer, const Message& message) override {
    SEQ_CHECK(peer == 1 - rank_);
    Box& box = (*boxes_)[peer];
    {
      const std::lock_guard lock(box.mutex);
      box.messages.push_back(encode(message));
    }
    box.arrived.notify_one();
  }

  std::optional<Envelope> receive(int64_t timeout_ms) override {
    Box& box = (*boxes_)[rank_];
    std::unique_lock lock(box.mutex);
    box.arrived.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                         [&] { return !box.messages.empty(); });
    if (box.messages.empty()) return std::nullopt;
    const std::vector<uint8_t> bytes = std::move(box.messages.front());
    box.messages.pop_front();
    return Envelope{1 - rank_, decode(bytes)};
  }

 private:
  int rank_;
  std::shared_ptr<std::array<Box, 2>> boxes_;
};

}  // namespace

void Transport::replace(int peer, const std::string&, const std::vector<std::string>&) {
  throw_world("rank {} cannot be replaced: its messages do not travel by MPI", peer);
}

std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>> make_local_transport() {
  auto boxes = std::make_shared<std::array<Box, 2>>();
  return {std::make_unique<LocalTransport>(0, boxes), std::make_unique<LocalTransport>(1, boxes)};
}

}  // namespace seqsweep
