#include "core/train/training_examples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/tiny_dataset.h"

namespace seqsweep {
namespace {

using testing::UnorderedElementsAre;
using Prefix = std::pair<int64_t, int32_t>;  // User and end.

const TinyDataset kSmallData({{0, 1, 2, 3, 4, 5, 6, 7}, {1, 2, 3, 4}, {5, 5, 5}}, 8, 3);

std::vector<Prefix> prefixes_of(const TrainingExamples& examples, int64_t count) {
  std::vector<Prefix> prefixes;
  for (int64_t i = 0; i < count; ++i) {
    prefixes.emplace_back(examples[i].user, examples[i].window.end);
  }
  return prefixes;
}

TEST(TrainingExamples, PrefixesEndAtEveryItemThatHasASuccessorInTraining) {
  TrainingExamples examples = TrainingExamples::of_prefixes(kSmallData, 0);
  const int64_t count = examples.begin_epoch(Rng(1));
  EXPECT_THAT(prefixes_of(examples, count),
              UnorderedElementsAre(Prefix{0, 1}, Prefix{0, 2}, Prefix{0, 3}, Prefix{0, 4},
                                   Prefix{0, 5}, Prefix{1, 1}));
  for (int64_t i = 0; i < count; ++i) {
    const Window window = examples[i].window;
    EXPECT_EQ(window.begin, std::max(0, window.end - 3));  // At most max_length items.
    EXPECT_EQ(window.first_target, window.end - 1);
  }
}

TEST(TrainingExamples, SomePrefixesOfAUserAreDrawnAnewEachEpoch) {
  TrainingExamples examples = TrainingExamples::of_prefixes(kSmallData, 2);
  std::set<std::vector<Prefix>> epochs;
  std::set<Prefix> seen;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    ASSERT_EQ(examples.begin_epoch(Rng(seed)), 3);  // 2 of user 0, all of user 1, none of user 2.
    const auto chosen = prefixes_of(examples, 3);
    EXPECT_EQ(std::set<Prefix>(chosen.begin(), chosen.end()).size(), 3U);
    epochs.insert(chosen);
    seen.insert(chosen.begin(), chosen.end());
  }
  EXPECT_GT(epochs.size(), 10U);
  EXPECT_EQ(seen.size(), 6U);
  examples.begin_epoch(Rng(7));
  const auto once = prefixes_of(examples, 3);
  examples.begin_epoch(Rng(7));
  EXPECT_EQ(prefixes_of(examples, 3), once);
}

TEST(TrainingExamples, WindowsCoverEveryTarget) {
  TrainingExamples examples =
      TrainingExamples::of_positions(kSmallData, 1, kSmallData.max_length());
  const int64_t count = examples.begin_epoch(Rng(1));
  int64_t targets = 0;
  for (int64_t i = 0; i < count; ++i) {
    targets += examples[i].window.end - examples[i].window.first_target;
  }
  EXPECT_EQ(targets, 5 + 1);
}

}  // namespace
}  // namespace seqsweep
