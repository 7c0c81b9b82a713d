#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/error.h"
#include "core/base/log.h"
#include "kernels/cuda_plugin.h"
#include "tests/core/comm/mpi_test_world.h"

namespace seqsweep {
namespace {

const MpiWorld* world = nullptr;

// Before a test uses torch, which looks for CUDA once.
void load_cuda_where_there_is_a_gpu() {
  if (!std::filesystem::exists("/dev/nvidiactl") && !std::filesystem::exists("/dev/nvidia0"))
    return;
  try {
    load_cuda_plugin();
  } catch (const Error& error) {
    log_warning("{}", error.what());
  }
}

}  // namespace

const MpiWorld& test_world() {
  return *world;
}

int run_tests() {
  if (!started_by_mpirun()) {
    log_error("start this with mpirun");
    return kExitBadInput;
  }
  load_cuda_where_there_is_a_gpu();
  const MpiWorld made;
  world = &made;
  return RUN_ALL_TESTS();
}

}  // namespace seqsweep

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return seqsweep::run_tests();
}
