#include "core/train/task.h"

#include <gtest/gtest.h>

#include "tests/support/toy_task.h"

namespace seqsweep {
namespace {

// Recommends the sum of the history's items, so that a test sees what it was given.
class SumTask : public ToyTask {
 public:
  using ToyTask::ToyTask;
  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen) override {
    std::vector<std::vector<Recommendation>> lists;
    for (const History& history : histories) {
      int32_t sum = 0;
      for (const int32_t item : history) sum += item;
      lists.emplace_back(static_cast<size_t>(count), Recommendation{sum, 1});
    }
    return lists;
  }
};

TEST(Task, FollowingAUserReadsTheWholeHistoryWhereNoStateIsKept) {
  SumTask task;
  const auto session = task.follow();
  session->add(1);
  session->add(2);
  EXPECT_EQ(session->recommend(1, Seen::Listed).at(0).item, 3);
  session->add(4);
  EXPECT_EQ(session->recommend(2, Seen::Listed).at(1).item, 7);
}

}  // namespace
}  // namespace seqsweep
