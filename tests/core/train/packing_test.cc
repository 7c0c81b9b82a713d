#include "core/train/packing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace seqsweep {
namespace {

using testing::ElementsAre;

std::vector<int64_t> numbers(const torch::Tensor& x) {
  const torch::Tensor wide = x.to(torch::kLong).contiguous();
  return {wide.data_ptr<int64_t>(), wide.data_ptr<int64_t>() + wide.numel()};
}

TEST(Pack, LaysSequencesEndToEndAndKeepsTheLastItems) {
  const std::vector<int32_t> a{4, 5, 6, 7}, b{}, c{9};
  const std::vector<History> histories{a, b, c};
  const PackedSequences packed = pack(histories, 3, torch::kCPU);
  EXPECT_THAT(numbers(packed.items_T), ElementsAre(5, 6, 7, 9));
  EXPECT_THAT(numbers(packed.positions_T), ElementsAre(0, 1, 2, 0));
  EXPECT_THAT(numbers(packed.offsets_S1), ElementsAre(0, 3, 3, 4));
  EXPECT_THAT(packed.host_offsets, ElementsAre(0, 3, 3, 4));
  EXPECT_EQ(packed.max_length, 3);
}

TEST(Pack, LastTokens) {
  const std::vector<int32_t> a{4, 5, 6, 7}, c{9};
  const std::vector<History> histories{a, c};
  EXPECT_THAT(numbers(last_tokens(pack(histories, 3, torch::kCPU))), ElementsAre(2, 3));
}

TEST(TrainingWindows, AHistoryThatFitsIsOneWindow) {
  EXPECT_THAT(training_windows(5, 4, 2), ElementsAre(Window{0, 4, 0}));
  EXPECT_THAT(training_windows(2, 4, 2), ElementsAre(Window{0, 1, 0}));
  EXPECT_TRUE(training_windows(1, 4, 2).empty());
  EXPECT_TRUE(training_windows(0, 4, 2).empty());
}

TEST(TrainingWindows, LaterWindowsOverlapByHalf) {
  EXPECT_THAT(training_windows(10, 4, 2),
              ElementsAre(Window{0, 4, 0}, Window{2, 6, 4}, Window{4, 8, 6}, Window{5, 9, 8}));
}

void expect_each_target_once(int64_t items, int64_t max_length, int64_t stride) {
  std::map<int64_t, int> trained;
  for (const Window& window : training_windows(items, max_length, stride)) {
    ASSERT_LE(window.end - window.begin, max_length);
    ASSERT_LT(window.end, items);
    ASSERT_LE(window.begin, window.first_target);
    for (int64_t i = window.first_target; i < window.end; ++i) {
      ++trained[i + 1];
      EXPECT_GE(i - window.begin + 1, std::min<int64_t>(i + 1, max_length - stride + 1));
    }
  }
  for (int64_t target = 1; target < items; ++target) EXPECT_EQ(trained[target], 1);
  EXPECT_EQ(static_cast<int64_t>(trained.size()), std::max<int64_t>(items - 1, 0));
}

TEST(TrainingWindows, EachTargetOnceWithAContextThatTheStrideLeaves) {
  for (int64_t max_length = 1; max_length <= 9; ++max_length) {
    for (int64_t stride = 1; stride <= max_length; ++stride) {
      for (int64_t items = 0; items <= 40; ++items) {
        expect_each_target_once(items, max_length, stride);
      }
    }
  }
}

}  // namespace
}  // namespace seqsweep
