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
  bool can_replace = false;
  MPI_Comm parent = MPI_COMM_NULL;  // Of a replacement: the coordinator, as the other side.
};

std::string error_text(int code, const char* call);  // MPI's own.
// Throws Error (Fault::World) with it unless the code is MPI_SUCCESS.
void check_mpi(int code, const char* call);

}  // namespace seqsweep
