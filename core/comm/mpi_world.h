// MPI, with its header hidden. A process that mpirun (or srun) did not start must not make an
// MpiWorld. One thread at a time may use it and all that is made from it. A build without MPI has
// the same functions; they throw.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/protocol/transport.h"

namespace seqsweep {

class Group;

// Whether this process is one rank of several. Looks at the environment alone.
bool started_by_mpirun();

// Of a worker that died: its process is another one now, which Transport::replace() started. It
// talks with the coordinator alone, and is in no group but its own.
struct Replacement {
  int rank = 0;
  int64_t cores = 1;
};

class MpiWorld {
 public:
  // MPI_Init_thread, once a process. Throws Error (Fault::World). Dead workers are only replaced
  // where it was asked for, since that takes an MPI that several threads may use at once.
  explicit MpiWorld(bool replaces = false);
  explicit MpiWorld(const Replacement& place);  // Also Fault::Input: nobody started it for that.
  // MPI_Finalize: waits for every rank. What was made from the world must be gone.
  ~MpiWorld();
  MpiWorld(const MpiWorld&) = delete;
  MpiWorld& operator=(const MpiWorld&) = delete;

  int rank() const;
  int size() const;
  // The cores that this rank may use without taking them from the workers beside it. Rank 0, which
  // trains nothing, takes none.
  int64_t cores() const;
  std::string version() const;  // Of the library: "Open MPI v5.0.11"

  // Ends the process when a rank is known to have died, since ~MpiWorld would wait for it. Else it
  // does nothing. What was sent must have left.
  void leave_if_broken(int code) const;
  void note_death() const;   // A rank died, by the word of an MPI call.
  bool is_broken() const;    // One did.
  bool can_replace() const;  // The dead, by Transport::replace(): this MPI tells of them.

  struct State;
  const State& state() const { return *state_; }  // For the rest of core/comm.

 private:
  void begin(bool replaces);

  std::unique_ptr<State> state_;
};

// Messages between all ranks, in order between any two of them.
std::unique_ptr<Transport> make_mpi_transport(const MpiWorld& world);

// The group of some world ranks, in their order. Collective over the members alone. `tag`, from 0
// to 32767, tells apart groups that are made at the same time. A member whose group is destroyed by
// an exception tells the others, whose calls throw Error (Fault::World) instead of waiting for it.
std::unique_ptr<Group> make_mpi_group(const MpiWorld& world, const std::vector<int64_t>& members,
                                      int tag);

}  // namespace seqsweep
