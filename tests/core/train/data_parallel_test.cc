// One run on several ranks, here threads; tests/core/train/mpi does the same over MPI.
#include "tests/support/data_parallel.h"

#include <set>

#include "tests/support/thread_group.h"

namespace seqsweep {
namespace {

class DataParallel : public ToyRunTest {};

TEST_F(DataParallel, AnyRanksTrainAsOneDoes) {
  at::set_num_threads(1);  // As the ranks below.
  for (const Method& method : methods()) {
    const auto at = folder(method.optimizer.at("name"));
    const RankCurve alone = train_network(*alone_, method, at / "alone", 200);
    ASSERT_EQ(alone.losses.size(), 200U);
    EXPECT_LT(alone.losses.back(), 0.9 * alone.losses.front());
    EXPECT_GT(std::set(alone.microbatches.begin(), alone.microbatches.end()).size(), 4U);
    for (const int ranks : {2, 3, 4}) {
      run_ranks(ranks, [&](Group& group) {
        expect_trains_as_one_rank(group, method, alone,
                                  at / fmt::format("{} {}", ranks, group.rank()));
      });
    }
  }
}

}  // namespace
}  // namespace seqsweep
