#include <algorithm>
#include <chrono>
#include <climits>
#include <list>
#include <set>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/comm/mpi_check.h"
#include "core/comm/mpi_ulfm.h"
#include "core/protocol/transport.h"

namespace seqsweep {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kMessageTag = 1;
constexpr microseconds kWaitMin{50}, kWaitMax{2000};  // Between two looks; an idle rank sleeps.
constexpr milliseconds kLeaveAfter{5000};             // A peer that is gone takes nothing any more.
constexpr size_t kArrivingMax = 64;

class MpiTransport : public Transport {
 public:
  explicit MpiTransport(const MpiWorld& world)
      : world_(world), rank_(world.rank()), size_(world.size()) {
    check_mpi(MPI_Comm_dup(world.state().comm, &comm_), "MPI_Comm_dup");
    check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  }

  // Gives what was sent last time to leave. A buffer that MPI still uses is left to it.
  ~MpiTransport() override {
    const auto deadline = steady_clock::now() + kLeaveAfter;
    while (!reap() && steady_clock::now() < deadline) std::this_thread::sleep_for(kWaitMin);
    static std::list<Sending> left_to_mpi;
    static std::list<Arriving> still_written_by_mpi;
    left_to_mpi.splice(left_to_mpi.end(), sending_);
    still_written_by_mpi.splice(still_written_by_mpi.end(), arriving_);
    MPI_Comm_free(&comm_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void send(int peer, const Message& message) override {
    reap();
    Sending& sending = sending_.emplace_back(Sending{encode(message), MPI_REQUEST_NULL});
    if (sending.bytes.size() > INT_MAX) {
      throw_world("message of {} bytes: MPI takes {} at most", sending.bytes.size(), INT_MAX);
    }
    const int code = MPI_Isend(sending.bytes.data(), static_cast<int>(sending.bytes.size()),
                               MPI_BYTE, peer, kMessageTag, comm_, &sending.request);
    if (!met_death(code, "MPI_Isend")) return;
    sending_.pop_back();  // Nobody reads it any more.
  }

  std::vector<int> take_dead() override { return std::exchange(untold_, {}); }

  std::optional<Envelope> receive(int64_t timeout_ms) override {
    const auto start = steady_clock::now();
    for (;;) {
      reap();
      if (auto envelope = next_arrived()) return envelope;
      const auto waited = steady_clock::now() - start;
      const auto left = milliseconds(timeout_ms) - waited;
      if (left <= steady_clock::duration::zero()) return std::nullopt;
      // Found late by an eighth of its time at most. A large message moves on only when both look.
      const bool moving = !sending_.empty() || !arriving_.empty();
      const auto wait = moving ? steady_clock::duration(kWaitMin)
                               : std::clamp<steady_clock::duration>(waited / 8, kWaitMin, kWaitMax);
      std::this_thread::sleep_for(std::min(wait, left));
    }
  }

 private:
  struct Sending {
    std::vector<uint8_t> bytes;
    MPI_Request request;
  };
  struct Arriving {
    int peer;
    std::vector<uint8_t> bytes;
    MPI_Request request;
  };

  // Begins to receive what its sender began to send. A sender that is slow, because it trains,
  // holds up its own messages and no others.
  void accept() {
    while (arriving_.size() < kArrivingMax) {
      int found = 0, count = 0;
      MPI_Message handle = MPI_MESSAGE_NULL;
      MPI_Status status{};
      const int code = MPI_Improbe(MPI_ANY_SOURCE, kMessageTag, comm_, &found, &handle, &status);
      if (met_death(code, "MPI_Improbe")) continue;
      if (!found) return;
      check_mpi(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
      Arriving& message = arriving_.emplace_back(Arriving{
          status.MPI_SOURCE, std::vector<uint8_t>(static_cast<size_t>(count)), MPI_REQUEST_NULL});
      check_mpi(MPI_Imrecv(message.bytes.data(), count, MPI_BYTE, &handle, &message.request),
                "MPI_Imrecv");
    }
  }

  // The first message that is here whole, and that no earlier one of its sender still precedes.
  std::optional<Envelope> next_arrived() {
    accept();
    std::set<int> waited_for;
    for (auto message = arriving_.begin(); message != arriving_.end();) {
      int done = 0;
      if (waited_for.contains(message->peer)) {
        ++message;
      } else if (met_death(MPI_Test(&message->request, &done, MPI_STATUS_IGNORE), "MPI_Test")) {
        message = arriving_.erase(message);  // Its sender died in the middle of it.
      } else if (!done) {
        waited_for.insert(message->peer);
        ++message;
      } else {
        const Arriving whole = std::move(*message);
        arriving_.erase(message);
        return Envelope{whole.peer, decode(whole.bytes)};
      }
    }
    return std::nullopt;
  }

  // Forgets what has left. True when nothing is under way.
  bool reap() {
    for (auto sending = sending_.begin(); sending != sending_.end();) {
      int done = 0;
      if (met_death(MPI_Test(&sending->request, &done, MPI_STATUS_IGNORE), "MPI_Test")) done = 1;
      sending = done ? sending_.erase(sending) : std::next(sending);
    }
    return sending_.empty();
  }

  // True: the call failed because a rank died, which is told by take_dead(). Throws on any other
  // failure.
  bool met_death(int code, const char* call) {
    if (!is_death(code)) {
      check_mpi(code, call);
      return false;
    }
    for (const int rank : acknowledge_deaths(comm_)) {
      if (dead_.insert(rank).second) untold_.push_back(rank);
    }
    world_.note_death();
    return true;
  }

  const MpiWorld& world_;
  int rank_, size_;
  MPI_Comm comm_ = MPI_COMM_NULL;
  std::set<int> dead_;
  std::vector<int> untold_;
  std::list<Sending> sending_;    // MPI reads the bytes until the request is done.
  std::list<Arriving> arriving_;  // In the order in which they were begun.
};

}  // namespace

std::unique_ptr<Transport> make_mpi_transport(const MpiWorld& world) {
  return std::make_unique<MpiTransport>(world);
}

}  // namespace seqsweep
