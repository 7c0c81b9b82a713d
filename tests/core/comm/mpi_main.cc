#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/log.h"
#include "tests/core/comm/mpi_test_world.h"

namespace seqsweep {
namespace {

const MpiWorld* world = nullptr;

}  // namespace

const MpiWorld& test_world() {
  return *world;
}

int run_tests() {
  if (!started_by_mpirun()) {
    log_error("start this with mpirun");
    return kExitBadInput;
  }
  const MpiWorld made;
  world = &made;
  return RUN_ALL_TESTS();
}

}  // namespace seqsweep

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return seqsweep::run_tests();
}
