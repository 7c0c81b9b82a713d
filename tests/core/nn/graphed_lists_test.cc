#include "core/nn/graphed_lists.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "core/train/packing.h"
#include "tests/support/on_gpu.h"
#include "tests/support/tiny_dataset.h"

namespace seqsweep {
namespace graphed_lists_test {

constexpr int64_t kItems = 700, kMaxLength = 50;

class GraphedListsOnGpu : public OnlyGpuTest {};
class ModelsGraphedListsOnGpu : public GraphedListsOnGpu,
                                public testing::WithParamInterface<const char*> {};

// At lengths around those where one graph gives way to the next, each of them twice.
TEST_P(ModelsGraphedListsOnGpu, AreTheListsOfTheLastStates) {
  const TinyDataset data({}, kItems, kMaxLength);
  const auto model = std::dynamic_pointer_cast<SequenceModel>(
      models().make({{"name", GetParam()}}, ModelContext{data, device_, 1}));
  model->eval();
  GraphedLists lists(*model, kMaxLength);
  for (const int32_t length : {1, 2, 15, 16, 17, 49, 50, 51, 80, 15, 50, 1}) {
    std::vector<int32_t> items;
    for (int32_t i = 0; i < length; ++i) items.push_back((length + i * i) % kItems);
    const History history(items);
    const torch::InferenceMode inference;
    const auto expected =
        best_in_catalogue(model->encode_last(pack({&history, 1}, kMaxLength, device_)),
                          model->item_embedding(), model->item_bias(), 10);
    const auto list = lists.best(history, 10);
    ASSERT_EQ(list.size(), expected[0].size());
    for (size_t k = 0; k < list.size(); ++k) {
      EXPECT_EQ(list[k].item, expected[0][k].item) << length << " items, place " << k;
      EXPECT_NEAR(list[k].score, expected[0][k].score, 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, ModelsGraphedListsOnGpu,
                         testing::Values("sasrec", "mamba4rec", "2mamba4rec", "hydra4rec",
                                         "lrurec"),
                         [](const auto& info) { return "Of" + std::string(info.param); });

// Parameters that change in place are read as they are now.
TEST_F(GraphedListsOnGpu, FollowTheParameters) {
  const TinyDataset data({}, kItems, kMaxLength);
  const auto model = std::dynamic_pointer_cast<SequenceModel>(
      models().make({{"name", "mamba4rec"}}, ModelContext{data, device_, 1}));
  model->eval();
  GraphedLists lists(*model, kMaxLength);
  const std::vector<int32_t> items{3, 1, 4, 1, 5};
  const auto before = lists.best(items, 5);
  const torch::NoGradGuard no_grad;
  model->item_embedding().mul_(2);
  EXPECT_NEAR(lists.best(items, 5)[0].score, 2 * before[0].score, 1e-5);
  model->item_embedding().fill_(NAN);
  EXPECT_THROW(lists.best(items, 5), Error);
}

}  // namespace graphed_lists_test
}  // namespace seqsweep
