#include <cstdlib>
#include <string>

#include "core/comm/mpi_world.h"

namespace seqsweep {

// Open MPI, MPICH and Intel MPI, and srun with PMIx or PMI2 set these for every rank.
bool started_by_mpirun() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    if (const char* size = std::getenv(name)) return std::atoi(size) > 1;
  }
  const char* tasks = std::getenv("SLURM_NTASKS");
  const bool pmix = std::getenv("PMIX_RANK") || std::getenv("PMI_RANK");
  return pmix && tasks && std::atoi(tasks) > 1;
}

}  // namespace seqsweep
