// Messages between numbered processes of a sweep. Rank 0 is the coordinator.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/protocol/message.h"

namespace seqsweep {

struct Envelope {
  int peer = 0;  // Who sent it.
  Message message;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual void send(int peer, const Message& message) = 0;  // Does not block for long.
  // The next message, or nothing after timeout_ms (0: only look). Blocks without burning a core.
  virtual std::optional<Envelope> receive(int64_t timeout_ms) = 0;
  // Peers that died, each told once. Only where one can know: a silent peer may be dead too.
  virtual std::vector<int> take_dead() { return {}; }
  // Starts a process, on that host, which has the number of a peer that died from now on; that it
  // is there shows by its first message. Does not wait for it. Throws Error (Fault::World) where
  // that is not possible.
  virtual void replace(int peer, const std::string& host, const std::vector<std::string>& command);
};

// Two ends of one process: a coordinator (rank 0) and one worker (rank 1) in threads. Each end may
// be used by one thread.
std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>> make_local_transport();

}  // namespace seqsweep
