// Ranks that died. An MPI with ULFM (Open MPI 5 under `mpirun --with-ft ulfm`) tells the others and
// lets them go on; another one ends the job with the rank, or says nothing. mpi_no_ulfm.cc stands
// in where the MPI knows no such calls.
#pragma once

#include <mpi.h>

#include <vector>

namespace seqsweep {

// Whether this job is told of ranks that die, and goes on without them.
bool survives_deaths();

// Whether a call failed because a rank died.
bool is_death(int code);

// The dead ranks of a communicator. From now on they do not disturb what is received from any rank.
std::vector<int> acknowledge_deaths(MPI_Comm comm);

// MPI_Comm_create_group, also where a rank of `world` died, of which the group has none. Returns an
// MPI error code.
int create_comm(MPI_Comm world, MPI_Group group, int tag, MPI_Comm* created);

// Meets the ranks that live and ends the process: with a dead rank MPI_Finalize waits for ever.
[[noreturn]] void leave_without_finalize(MPI_Comm comm, int code);

}  // namespace seqsweep
