// Tests over MPI run on every rank of one mpirun at once; each rank makes the same calls.
#pragma once

#include "core/comm/mpi_world.h"

namespace seqsweep {

const MpiWorld& test_world();  // All ranks; three in this folder.

}  // namespace seqsweep
