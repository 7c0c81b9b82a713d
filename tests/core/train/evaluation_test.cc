#include "core/train/evaluation.h"

#include <gmock/gmock.h>

#include <numeric>

#include "core/train/share.h"
#include "tests/support/thread_group.h"
#include "tests/support/toy_task.h"

namespace seqsweep {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// User u's target is at rank 3 u, but was not recommended to user 4.
struct KnownRanks : ToyTask {
  std::vector<int32_t> target_ranks(std::span<const int64_t> users, Split) override {
    batches.emplace_back(users.begin(), users.end());
    std::vector<int32_t> ranks;
    for (const int64_t user : users) {
      ranks.push_back(user == 4 ? kNotRecommended : static_cast<int32_t>(3 * user));
    }
    return ranks;
  }
  std::vector<std::vector<int64_t>> batches;
};

TEST(RankAllUsers, EveryRankGetsAllUsersWhateverTheDivision) {
  for (const int ranks : {1, 2, 3, 9}) {
    run_ranks(ranks, [&](Group& group) {
      KnownRanks task;
      int signs_of_life = 0;
      const auto all = rank_all_users({.task = task,
                                       .group = group,
                                       .users = 7,
                                       .batch_size = 2,
                                       .after_batch = [&] { ++signs_of_life; }},
                                      Split::Test);
      EXPECT_THAT(all, ElementsAre(0, 3, 6, 9, kNotRecommended, 15, 18)) << ranks;
      EXPECT_EQ(signs_of_life, std::ssize(task.batches));
      EXPECT_FALSE(task.module().is_training());
      if (ranks == 1) {
        EXPECT_THAT(task.batches, ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3),
                                              ElementsAre(4, 5), ElementsAre(6)));
      }
    });
  }
}

TEST(Share, PartsGoToOneRankEachAndDifferByOneAtMost) {
  for (int64_t count = 0; count < 20; ++count) {
    for (int ranks = 1; ranks < 8; ++ranks) {
      int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Share share = share_of(count, rank, ranks);
        EXPECT_EQ(share.begin, next);
        EXPECT_GE(share.end - share.begin, count / ranks);
        EXPECT_LE(share.end - share.begin, count / ranks + 1);
        next = share.end;
      }
      EXPECT_EQ(next, count);
    }
  }
}

}  // namespace
}  // namespace seqsweep
