#include "core/train/gradient_buckets.h"

#include <gmock/gmock.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include "tests/support/thread_group.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<ParameterSlice> slices_of(const std::vector<int64_t>& sizes) {
  std::vector<ParameterSlice> slices;
  int64_t begin = 0;
  for (const int64_t size : sizes) {
    slices.push_back({"", begin, size, {size}});
    begin += size;
  }
  return slices;
}

TEST(CutIntoBuckets, GoesFromTheEndToTheBeginning) {
  const auto buckets = cut_into_buckets(slices_of({100, 5, 6, 7, 20}), 140, 10);
  ASSERT_EQ(buckets.size(), 3U);
  EXPECT_EQ(buckets[0].begin, 118);
  EXPECT_EQ(buckets[0].size, 22);  // With the two numbers behind the gradients.
  EXPECT_THAT(buckets[0].parameters, ElementsAre(4));
  EXPECT_EQ(buckets[1].begin, 105);
  EXPECT_THAT(buckets[1].parameters, ElementsAre(3, 2));
  EXPECT_EQ(buckets[2].begin, 0);
  EXPECT_EQ(buckets[2].size, 105);
  EXPECT_THAT(buckets[2].parameters, ElementsAre(1, 0));
}

TEST(CutIntoBuckets, EveryNumberIsInOne) {
  for (const int64_t least : {1, 3, 8, 50, 1000}) {
    int64_t end = 37 + 2;
    for (const Bucket& bucket : cut_into_buckets(slices_of({1, 20, 1, 15}), end, least)) {
      EXPECT_EQ(bucket.begin + bucket.size, end);
      end = bucket.begin;
      EXPECT_TRUE(bucket.size >= least || bucket.begin == 0);
    }
    EXPECT_EQ(end, 0);
  }
  EXPECT_EQ(cut_into_buckets(slices_of({1, 20, 1, 15}), 39, 1000).size(), 1U);
  const auto none = cut_into_buckets({}, 2, 1000);  // A model without parameters.
  ASSERT_EQ(none.size(), 1U);
  EXPECT_EQ(none[0].size, 2);
  EXPECT_THAT(none[0].parameters, IsEmpty());
}

// Three layers, each a scale; `third` can be left out.
struct Scales : torch::nn::Module {
  Scales() {
    first = register_parameter("first", torch::full({3}, 2.0));
    second = register_parameter("second", torch::full({3}, 3.0));
    third = register_parameter("third", torch::full({3}, 5.0));
  }
  torch::Tensor forward(double x, bool with_third = true) {
    const torch::Tensor two = x * first * second;
    return with_third ? (two * third).sum() : two.sum();
  }
  torch::Tensor first, second, third;
};

constexpr int64_t kOneABucket = 1;  // Byte.

// Keeps what was in each sum when it was started.
class RecordingGroup : public Group {
 public:
  int rank() const override { return 0; }
  int size() const override { return 2; }
  std::unique_ptr<PendingSum> start_sum(const torch::Tensor& x) override {
    started.push_back(x.clone());
    return make_local_group()->start_sum(x);
  }
  void broadcast(torch::Tensor&, int) override {}
  std::vector<torch::Tensor> started;
};

TEST(GradientBuckets, LeaveDuringTheLastBackward) {
  Scales module;
  Parameters parameters(module);
  RecordingGroup group;
  GradientBuckets buckets(parameters, group, kOneABucket);
  parameters.sums().zero_();
  module.forward(1).backward();
  EXPECT_THAT(group.started, IsEmpty());  // Another one comes.

  size_t left_when_first_was_final = 0;
  module.first.register_hook([&](const torch::Tensor&) {
    left_when_first_was_final = group.started.size();  // Just before its gradient is added.
  });
  buckets.expect_last_backward();
  module.forward(1).backward();
  EXPECT_EQ(left_when_first_was_final, 2U);  // Those of `third` and `second`.
  ASSERT_EQ(group.started.size(), 3U);
  buckets.finish();
  EXPECT_EQ(group.started.size(), 3U);
  EXPECT_EQ(group.started[0][0].item<float>(), 2 * 6);
  EXPECT_EQ(group.started[0].numel(), 3 + 2);
  EXPECT_EQ(group.started[1][0].item<float>(), 2 * 10);
  EXPECT_EQ(group.started[2][0].item<float>(), 2 * 15);
}

TEST(GradientBuckets, AParameterWithoutAGradientHoldsUpNobody) {
  Scales module;
  Parameters parameters(module);
  RecordingGroup group;
  GradientBuckets buckets(parameters, group, kOneABucket);
  buckets.expect_last_backward();
  module.forward(1, /*with_third=*/false).backward();
  EXPECT_THAT(group.started, IsEmpty());  // The order is the same on all ranks, so they wait.
  buckets.finish();
  EXPECT_EQ(group.started.size(), 3U);
}

TEST(GradientBuckets, AreSumsOverRanksThatHadDifferentBackwards) {
  for (const int64_t bytes : {kOneABucket, GradientBuckets::kLeastBytes}) {
    run_ranks(4, [&](Group& group) {
      Scales module;
      Parameters parameters(module);
      GradientBuckets buckets(parameters, group, bytes);
      for (int step = 0; step < 3; ++step) {
        parameters.sums().zero_();
        parameters.loss_and_targets()[1] += group.rank();
        for (int i = 0; i < group.rank(); ++i) {  // Rank 0 has none.
          if (i + 1 == group.rank()) buckets.expect_last_backward();
          module.forward(1, /*with_third=*/group.rank() != 2).backward();
        }
        buckets.finish();
        EXPECT_EQ(module.third.grad()[0].item<float>(), (1 + 3) * 6);
        EXPECT_EQ(module.first.grad()[2].item<float>(), (1 + 3) * 15 + 2 * 3);
        EXPECT_EQ(parameters.loss_and_targets()[1].item<float>(), 6);
      }
    });
  }
}

TEST(GradientBuckets, LeaveTheModuleAsItWas) {
  Scales module;
  Parameters parameters(module);
  RecordingGroup group;
  { GradientBuckets buckets(parameters, group, kOneABucket); }
  module.forward(1).backward();
  EXPECT_THAT(group.started, IsEmpty());
}

TEST(GradientBuckets, AGroupOfOneHasNone) {
  Scales module;
  Parameters parameters(module);
  const auto alone = make_local_group();
  GradientBuckets buckets(parameters, *alone, kOneABucket);
  buckets.expect_last_backward();
  module.forward(1).backward();
  buckets.finish();
  EXPECT_EQ(module.third.grad()[0].item<float>(), 6);
}

}  // namespace
}  // namespace seqsweep
