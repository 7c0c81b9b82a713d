#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/comm/group.h"
#include "tests/core/comm/mpi_test_world.h"

namespace seqsweep {
namespace {

int rank() {
  return test_world().rank();
}

std::unique_ptr<Group> everyone() {
  return make_mpi_group(test_world(), {0, 1, 2}, 7);
}

class MpiGroupSums : public ::testing::TestWithParam<torch::ScalarType> {};

TEST_P(MpiGroupSums, AreTheSameBitsOnEveryRank) {
  const auto group = everyone();
  for (const int64_t size : {1, 3, 1000, 100'003}) {
    // Thirds, so that the order of summation would show in floating point.
    torch::Tensor x = torch::arange(size, torch::kFloat64).div(3).add(rank()).to(GetParam());
    torch::Tensor expected = torch::zeros({size}, GetParam());
    for (int r = 0; r < 3; ++r) {
      expected += torch::arange(size, torch::kFloat64).div(3).add(r).to(GetParam());
    }
    group->all_reduce_sum(x);
    EXPECT_TRUE(torch::allclose(x, expected, 1e-6));
    torch::Tensor of_first = x.clone();
    group->broadcast(of_first, 0);
    EXPECT_TRUE(torch::equal(x, of_first));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, MpiGroupSums,
                         ::testing::Values(torch::kFloat32, torch::kFloat64, torch::kInt32,
                                           torch::kInt64),
                         [](const auto& info) { return torch::toString(info.param); });

// The buckets of a step: several sums under way, of sizes that MPI treats differently.
TEST(MpiGroup, StartedSumsAreWaitedForInAnyOrder) {
  const auto group = everyone();
  std::vector<torch::Tensor> tensors;
  std::vector<std::unique_ptr<PendingSum>> sums;
  for (const int64_t size : {1, 500'000, 0, 7, 300'000}) {
    tensors.push_back(torch::full({size}, rank() + 1, torch::kFloat32));
    sums.push_back(group->start_sum(tensors.back()));
  }
  EXPECT_TRUE(group->any(rank() == 2));  // Another call in between.
  for (const size_t i : {3, 0, 4, 2, 1}) {
    sums[i]->wait();
    EXPECT_TRUE(sums[i]->done());
    EXPECT_TRUE(torch::equal(tensors[i], torch::full_like(tensors[i], 6))) << i;
  }
}

TEST(MpiGroup, AStartedSumDoesNotWaitForTheOthers) {
  const auto group = everyone();
  torch::Tensor x = torch::ones({100'000});
  if (rank() != 0) {
    const auto first = make_mpi_group(test_world(), {1, 2}, 8);
    const auto sum = group->start_sum(x);  // Rank 0 has not come; these two go on.
    EXPECT_TRUE(first->any(true));
    sum->wait();
  } else {
    group->all_reduce_sum(x);
  }
  EXPECT_TRUE(torch::equal(x, torch::full({100'000}, 3, torch::kFloat32)));
}

TEST(MpiGroup, ASpanIsSummedInPlace) {
  std::array<double, 3> told{1, 0.1 * rank(), 0};
  everyone()->all_reduce_sum(told);
  EXPECT_EQ(told[0], 3);
  EXPECT_NEAR(told[1], 0.3, 1e-15);
}

TEST(MpiGroup, BroadcastComesFromItsRoot) {
  const auto group = everyone();
  torch::Tensor x = torch::full({4}, rank(), torch::kFloat32);
  group->broadcast(x, 2);
  EXPECT_TRUE(torch::equal(x, torch::full({4}, 2, torch::kFloat32)));
}

TEST(MpiGroup, AnyIsTrueOnAllWhenItIsOnOne) {
  const auto group = everyone();
  EXPECT_FALSE(group->any(false));
  for (int r = 0; r < 3; ++r) EXPECT_TRUE(group->any(rank() == r));
  EXPECT_TRUE(group->any(true));
}

TEST(MpiGroup, SomeRanksMakeAGroupWithoutTheOthers) {
  if (rank() != 0) {
    const auto group = make_mpi_group(test_world(), {1, 2}, 8);
    EXPECT_EQ(group->size(), 2);
    EXPECT_EQ(group->rank(), rank() - 1);
    torch::Tensor x = torch::full({1}, rank(), torch::kInt64);
    group->all_reduce_sum(x);
    EXPECT_EQ(x.item<int64_t>(), 3);
  }
  EXPECT_FALSE(everyone()->any(false));  // All can still talk.
}

TEST(MpiGroup, MembersKeepTheirOrder) {
  if (rank() == 1) return;
  const auto group = make_mpi_group(test_world(), {2, 0}, 9);
  EXPECT_EQ(group->rank(), rank() == 2 ? 0 : 1);
  torch::Tensor x = torch::full({1}, rank(), torch::kInt64);
  group->broadcast(x, 0);
  EXPECT_EQ(x.item<int64_t>(), 2);
}

TEST(MpiGroup, OfOneIsARealGroup) {
  const auto group = make_mpi_group(test_world(), {rank()}, 10);
  EXPECT_EQ(group->size(), 1);
  EXPECT_TRUE(group->any(true));
}

TEST(MpiGroup, AMemberThatFailsIsNotWaitedFor) {
  const auto step = [] {
    const auto group = everyone();
    torch::Tensor x = torch::ones({1000});
    group->all_reduce_sum(x);
    if (rank() == 1) throw_run("the loss is not a number");
    group->all_reduce_sum(x);
  };
  try {
    step();
    FAIL() << "rank " << rank() << " went on alone";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), rank() == 1 ? Fault::Run : Fault::World) << error.what();
  }
  EXPECT_TRUE(everyone()->any(rank() == 1));  // The next run has a group of its own.
}

}  // namespace
}  // namespace seqsweep
