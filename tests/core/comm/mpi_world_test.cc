#include "core/comm/mpi_world.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/comm/group.h"
#include "tests/core/comm/mpi_test_world.h"

namespace seqsweep {
namespace {

TEST(MpiWorld, RanksAreNumbered) {
  const MpiWorld& world = test_world();
  ASSERT_EQ(world.size(), 3);
  const auto group = make_mpi_group(world, {0, 1, 2}, 1);
  torch::Tensor ranks = torch::zeros({3}, torch::kInt64);
  ranks[world.rank()] = 1;
  group->all_reduce_sum(ranks);
  EXPECT_TRUE(torch::equal(ranks, torch::ones({3}, torch::kInt64)));
}

// All of this test's ranks are on one host.
TEST(MpiWorld, WorkersDivideTheCoresOfTheirHost) {
  const MpiWorld& world = test_world();
  EXPECT_GE(world.cores(), 1);
  const auto group = make_mpi_group(world, {0, 1, 2}, 1);
  torch::Tensor cores = torch::full({1}, world.rank() == 0 ? 0 : world.cores(), torch::kInt64);
  group->all_reduce_sum(cores);
  const auto machine = static_cast<int64_t>(std::thread::hardware_concurrency());
  EXPECT_LE(cores.item<int64_t>(), std::max<int64_t>(machine, 2));
}

TEST(MpiWorld, TellsItsVersionInOneLine) {
  const std::string version = test_world().version();
  EXPECT_NE(version.find("MPI"), std::string::npos) << version;
  EXPECT_EQ(version.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace seqsweep
