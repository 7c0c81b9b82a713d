#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <deque>
#include <filesystem>
#include <list>
#include <memory>
#include <set>
#include <string>
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

// Where messages travel: all ranks of the world, or the other side of a communicator of two, which
// a worker outside the world has with the coordinator.
struct Line {
  MPI_Comm comm = MPI_COMM_NULL;
  std::optional<int> peer = {};  // The number of the other side.
  bool over = false;             // It died.

  int number_of(int source) const { return peer.value_or(source); }
  int rank_of(int number) const { return peer ? 0 : number; }
};

// A process on its way into the place of a dead one.
struct Starting {
  Starting(int number, std::string on, std::vector<std::string> what)
      : peer(number), host(std::move(on)), command(std::move(what)) {}

  int peer;
  std::string host;
  std::vector<std::string> command;
  MPI_Comm comm = MPI_COMM_NULL;
  int code = MPI_SUCCESS;
  std::atomic<bool> ended{false};  // Then the two above are known.
};

// Waits until the process has called MPI_Init.
void spawn(Starting& process) {
  std::vector<char*> arguments;
  for (std::string& argument : process.command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  const std::string folder = std::filesystem::current_path().string();
  MPI_Info place = MPI_INFO_NULL;
  MPI_Info_create(&place);
  if (!process.host.empty()) MPI_Info_set(place, "host", process.host.c_str());
  MPI_Info_set(place, "wdir", folder.c_str());
  process.code = MPI_Comm_spawn(arguments.front(), arguments.data() + 1, 1, place, 0, MPI_COMM_SELF,
                                &process.comm, MPI_ERRCODES_IGNORE);
  MPI_Info_free(&place);
  process.ended = true;
}

class MpiTransport : public Transport {
 public:
  explicit MpiTransport(const MpiWorld& world)
      : world_(world), rank_(world.rank()), size_(world.size()) {
    Line& line = lines_.emplace_back();
    if (world.state().parent != MPI_COMM_NULL) {
      line = {world.state().parent, 0};
      return;
    }
    check_mpi(MPI_Comm_dup(world.state().comm, &line.comm), "MPI_Comm_dup");
    check_mpi(MPI_Comm_set_errhandler(line.comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  }

  // Gives what was sent last time to leave. A buffer that MPI still uses is left to it.
  ~MpiTransport() override {
    const auto deadline = steady_clock::now() + kLeaveAfter;
    dismiss_starting(deadline);
    while (!reap() && steady_clock::now() < deadline) std::this_thread::sleep_for(kWaitMin);
    static std::list<Sending> left_to_mpi;
    static std::list<Arriving> still_written_by_mpi;
    left_to_mpi.splice(left_to_mpi.end(), sending_);
    still_written_by_mpi.splice(still_written_by_mpi.end(), arriving_);
    // The other lines end with the process, without their other side.
    if (!lines_.front().peer) MPI_Comm_free(&lines_.front().comm);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void send(int peer, const Message& message) override {
    reap();
    Line& line = line_to(peer);
    if (line.over) return;
    Sending& sending = sending_.emplace_back(Sending{line, encode(message), MPI_REQUEST_NULL});
    if (sending.bytes.size() > INT_MAX) {
      throw_world("message of {} bytes: MPI takes {} at most", sending.bytes.size(), INT_MAX);
    }
    const int code =
        MPI_Isend(sending.bytes.data(), static_cast<int>(sending.bytes.size()), MPI_BYTE,
                  line.rank_of(peer), kMessageTag, line.comm, &sending.request);
    if (!met_death(line, code, "MPI_Isend")) return;
    sending_.pop_back();  // Nobody reads it any more.
  }

  void replace(int peer, const std::string& host,
               const std::vector<std::string>& command) override {
    if (!world_.can_replace()) throw_world("this MPI cannot replace rank {}", peer);
    if (!refusal_.empty()) throw_world("{}", refusal_);
    starting_.push_back(std::make_shared<Starting>(peer, host, command));
    if (starting_.size() == 1) begin(starting_.front());
  }

  std::vector<int> take_dead() override { return std::exchange(untold_, {}); }

  std::optional<Envelope> receive(int64_t timeout_ms) override {
    const auto start = steady_clock::now();
    for (;;) {
      reap();
      adopt();
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
    Line& line;
    std::vector<uint8_t> bytes;
    MPI_Request request;
  };
  struct Arriving {
    Line& line;
    int peer;
    std::vector<uint8_t> bytes;
    MPI_Request request;
  };

  // In a thread of its own: where the process dies before its MPI_Init has ended, MPI_Comm_spawn
  // never returns (tried for 15 minutes). The thread is left behind then, and no other process is
  // started, since two threads must not be in there at once.
  static void begin(std::shared_ptr<Starting> process) {
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    std::thread([process = std::move(process)] { spawn(*process); }).detach();
  }

  // The one that is there now, or is known never to come, which counts as a death.
  void adopt() {
    if (starting_.empty() || !starting_.front()->ended) return;
    const std::shared_ptr<Starting> process = starting_.front();
    starting_.pop_front();
    if (process->code == MPI_SUCCESS) {
      check_mpi(MPI_Comm_set_errhandler(process->comm, MPI_ERRORS_RETURN),
                "MPI_Comm_set_errhandler");
      lines_.push_back({process->comm, process->peer});
    } else {
      refusal_ = error_text(process->code, "MPI_Comm_spawn");
      untold_.push_back(process->peer);
      for (const auto& other : starting_) untold_.push_back(other->peer);
      starting_.clear();
    }
    if (!starting_.empty()) begin(starting_.front());
  }

  // One that comes when everything is over is to leave too.
  void dismiss_starting(steady_clock::time_point deadline) {
    while (!starting_.empty() && steady_clock::now() < deadline) {
      const int peer = starting_.front()->peer;
      if (!starting_.front()->ended) {
        std::this_thread::sleep_for(kWaitMax);
      } else if (adopt(), refusal_.empty()) {
        send(peer, Shutdown{});
      }
    }
  }

  // The newest one: of those that had the number before, nothing is heard any more.
  Line& line_to(int peer) {
    const auto own = std::find_if(lines_.rbegin(), lines_.rend(),
                                  [&](const Line& line) { return line.peer == peer; });
    return own == lines_.rend() ? lines_.front() : *own;
  }

  // Another one has its number now, or will have it.
  bool is_outdated(const Arriving& message) {
    return &message.line != &line_to(message.peer) ||
           std::ranges::any_of(starting_,
                               [&](const auto& next) { return next->peer == message.peer; });
  }

  // Begins to receive what its sender began to send. A sender that is slow, because it trains,
  // holds up its own messages and no others.
  void accept(Line& line) {
    while (arriving_.size() < kArrivingMax && !line.over) {
      int found = 0, count = 0;
      MPI_Message handle = MPI_MESSAGE_NULL;
      MPI_Status status{};
      const int code =
          MPI_Improbe(MPI_ANY_SOURCE, kMessageTag, line.comm, &found, &handle, &status);
      if (met_death(line, code, "MPI_Improbe")) continue;
      if (!found) return;
      check_mpi(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
      Arriving& message = arriving_.emplace_back(
          Arriving{line, line.number_of(status.MPI_SOURCE),
                   std::vector<uint8_t>(static_cast<size_t>(count)), MPI_REQUEST_NULL});
      check_mpi(MPI_Imrecv(message.bytes.data(), count, MPI_BYTE, &handle, &message.request),
                "MPI_Imrecv");
    }
  }

  // The first message that is here whole, and that no earlier one of its sender still precedes.
  std::optional<Envelope> next_arrived() {
    for (Line& line : lines_) accept(line);
    std::set<int> waited_for;
    for (auto message = arriving_.begin(); message != arriving_.end();) {
      int done = 0;
      if (waited_for.contains(message->peer)) {
        ++message;
      } else if (met_death(message->line, MPI_Test(&message->request, &done, MPI_STATUS_IGNORE),
                           "MPI_Test")) {
        message = arriving_.erase(message);  // Its sender died in the middle of it.
      } else if (!done) {
        waited_for.insert(message->peer);
        ++message;
      } else {
        const Arriving whole = std::move(*message);
        message = arriving_.erase(message);
        if (is_outdated(whole)) continue;
        return Envelope{whole.peer, decode(whole.bytes)};
      }
    }
    return std::nullopt;
  }

  // Forgets what has left. True when nothing is under way.
  bool reap() {
    for (auto sending = sending_.begin(); sending != sending_.end();) {
      int done = 0;
      if (met_death(sending->line, MPI_Test(&sending->request, &done, MPI_STATUS_IGNORE),
                    "MPI_Test")) {
        done = 1;
      }
      sending = done ? sending_.erase(sending) : std::next(sending);
    }
    return sending_.empty();
  }

  // True: the call failed because a rank died, which is told by take_dead(). Throws on any other
  // failure.
  bool met_death(Line& line, int code, const char* call) {
    if (!is_death(code)) {
      check_mpi(code, call);
      return false;
    }
    if (!line.peer) {
      for (const int rank : acknowledge_deaths(line.comm)) {
        if (dead_.insert(rank).second) untold_.push_back(rank);
      }
    } else if (!std::exchange(line.over, true)) {
      untold_.push_back(*line.peer);
    }
    world_.note_death();
    return true;
  }

  const MpiWorld& world_;
  int rank_, size_;
  std::deque<std::shared_ptr<Starting>> starting_;  // The first one is in MPI_Comm_spawn.
  std::string refusal_;                             // Why that failed once; it is not tried again.
  std::list<Line> lines_;  // The first one of the world; in a replacement that to the coordinator.
  std::set<int> dead_;     // Of the world.
  std::vector<int> untold_;
  std::list<Sending> sending_;    // MPI reads the bytes until the request is done.
  std::list<Arriving> arriving_;  // In the order in which they were begun.
};

}  // namespace

std::unique_ptr<Transport> make_mpi_transport(const MpiWorld& world) {
  return std::make_unique<MpiTransport>(world);
}

}  // namespace seqsweep
