// What the MPI files of core/comm share; nobody else sees mpi.h.
#pragma once

#include <mpi.h>

#include "core/comm/mpi_world.h"

namespace seqsweep {

struct MpiWorld::State {
  MPI_Comm comm = MPI_COMM_NULL;  // Every rank; errors are returned.
  int rank = 0, size = 1;
  int64_t cores = 1;
  bool broken = false;  // A rank died.
};

// Throws Error (Fault::World) with MPI's text unless the code is MPI_SUCCESS.
void check_mpi(int code, const char* call);

}  // namespace seqsweep
