#include <unistd.h>

#include <cstdio>

#include "core/comm/mpi_ulfm.h"

namespace seqsweep {

bool survives_deaths() {
  return false;
}

bool is_death(int) {
  return false;
}

std::vector<int> acknowledge_deaths(MPI_Comm) {
  return {};
}

int create_comm(MPI_Comm world, MPI_Group group, int tag, MPI_Comm* created) {
  return MPI_Comm_create_group(world, group, tag, created);
}

void leave_without_finalize(MPI_Comm, int code) {
  std::fflush(nullptr);
  ::_exit(code);
}

}  // namespace seqsweep
