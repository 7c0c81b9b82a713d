#include "core/train/evaluation.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "core/train/share.h"
#include "tests/support/thread_group.h"
#include "tests/support/tiny_dataset.h"
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

// Lists what is unseen in the order of the ids.
struct UnseenInOrder : ToyTask {
  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen) override {
    EXPECT_EQ(seen, Seen::LeftOut);
    std::vector<std::vector<Recommendation>> lists;
    for (const History& history : histories) {
      auto& list = lists.emplace_back();
      for (int32_t item = 0; std::ssize(list) < count; ++item) {
        if (std::ranges::find(history, item) == history.end()) list.push_back({item, 0});
      }
    }
    return lists;
  }
};

TEST(RanksAmongUnseen, ArePlacesInTheListsOrNone) {
  std::vector<std::vector<int32_t>> sequences{
      {4, 2, 3, 0},  // First of 0, 1, 5.
      {0, 1, 2, 5},  // Last of 3, 4, 5.
      {0, 1, 2, 9},  // Behind them.
      {3, 1, 2, 3},  // Seen before.
  };
  sequences.resize(300, {1, 2, 3, 0});  // More users than are asked for at once.
  const TinyDataset data(sequences, 12, 10);
  UnseenInOrder task;
  const auto ranks = ranks_among_unseen(task, data, Split::Test, 3);
  ASSERT_EQ(ranks.size(), 300U);
  EXPECT_THAT(std::vector(ranks.begin(), ranks.begin() + 5),
              ElementsAre(0, 2, kNotRecommended, kNotRecommended, 0));
  EXPECT_EQ(ranks.back(), 0);
}

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
