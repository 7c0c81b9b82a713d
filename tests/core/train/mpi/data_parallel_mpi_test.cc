// One run on several ranks of MPI, more than there are cores: tests/support/data_parallel.h.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <numeric>

#include "core/comm/mpi_world.h"
#include "tests/core/comm/mpi_test_world.h"
#include "tests/support/data_parallel.h"

namespace seqsweep {
namespace {

constexpr int64_t kRanks = 4;

class DataParallelMpi : public ToyRunTest {
 protected:
  void SetUp() override {
    ASSERT_EQ(test_world().size(), kRanks);
    at::set_num_threads(1);
  }
  // The first `ranks` of the world; null on the others.
  static std::unique_ptr<Group> first_ranks(int64_t ranks) {
    if (test_world().rank() >= ranks) return nullptr;
    std::vector<int64_t> members(static_cast<size_t>(ranks));
    std::iota(members.begin(), members.end(), 0);
    return make_mpi_group(test_world(), members, 1);
  }
};

TEST_F(DataParallelMpi, AnyRanksTrainAsOneDoes) {
  for (const Method& method : methods()) {
    const auto at = folder(method.optimizer.at("name"));
    const RankCurve alone = train_network(*alone_, method, at / "alone", 200);
    for (const int64_t ranks : {1, 2, 3, 4}) {
      const auto group = first_ranks(ranks);
      if (group) expect_trains_as_one_rank(*group, method, alone, at / std::to_string(ranks));
    }
  }
  first_ranks(kRanks)->any(false);  // Those that had no part wait for the others.
}

TEST_F(DataParallelMpi, FollowsASlowRank) {
  expect_division_follows_a_slow_rank(*first_ranks(kRanks));
}

// A rank that fails between the start of its sums and their end must not be waited for.
TEST_F(DataParallelMpi, ARankThatFailsInBackwardFailsTheOthers) {
  const auto step = [&] {
    const auto group = first_ranks(kRanks);
    ManualClock clock;
    NetworkTask task(group->rank(), clock);
    Parameters parameters(task.module());
    GradientSum sum(task, parameters, *group, clock);
    const std::vector<int64_t> examples{0, 1, 2};
    const std::vector<Microbatch> microbatches(8, {examples, 1});
    sum.compute(microbatches);
    if (group->rank() == 2) {
      // The gradient of the first layer comes last, when a bucket has left.
      parameters.tensors().front().register_hook(
          [](const torch::Tensor&) { throw_run("out of memory"); });
    }
    sum.compute(microbatches);
  };
  try {
    step();
    FAIL() << "rank " << test_world().rank() << " went on alone";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), test_world().rank() == 2 ? Fault::Run : Fault::World) << error.what();
  }
  EXPECT_TRUE(first_ranks(kRanks)->any(test_world().rank() == 2));
}

}  // namespace
}  // namespace seqsweep
