#include "core/comm/device_group.h"

#include <gtest/gtest.h>

#include "tests/core/comm/mpi_test_world.h"

namespace seqsweep {
namespace {

TEST(DeviceGroup, TheHostServesWhereNcclCannot) {
  const auto group = make_mpi_group(test_world(), {0, 1, 2}, 11);
  EXPECT_EQ(make_device_group(*group, torch::kCPU), nullptr);
  const auto alone = make_local_group();
  EXPECT_EQ(make_device_group(*alone, torch::Device(torch::kCUDA, 0)), nullptr);
  // One rank on a CPU, two on GPUs: through host memory, all three.
  const bool cpu = group->rank() == 1;
  const torch::Device mixed = cpu ? torch::Device(torch::kCPU) : torch::Device(torch::kCUDA, 0);
  EXPECT_EQ(make_device_group(*group, mixed), nullptr);
}

}  // namespace
}  // namespace seqsweep
