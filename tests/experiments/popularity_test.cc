#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "core/base/error.h"
#include "core/train/model.h"
#include "tests/support/tiny_dataset.h"

namespace seqsweep {
namespace {

// The training splits hold item 0 three times, 1 once, 2 twice, 3 and 4 never.
std::shared_ptr<const Dataset> five_items() {
  return std::make_shared<TinyDataset>(
      std::vector<std::vector<int32_t>>{{0, 2, 0, 3, 4}, {2, 0, 1, 4, 3}}, /*items=*/5,
      /*max_length=*/50);
}

std::unique_ptr<Task> fit_popularity(const std::shared_ptr<const Dataset>& data) {
  const auto model =
      models().make({{"name", "popularity"}}, ModelContext{*data, torch::kCPU, /*seed=*/1});
  auto task =
      objectives().make({{"name", "fit"}}, TaskContext{model, data, torch::kCPU, /*seed=*/1});
  EXPECT_EQ(task->begin_epoch(0), 0);
  return task;
}

TEST(Popularity, CountsTheTrainingSplitOnly) {
  const auto data = five_items();
  const auto task = fit_popularity(data);
  const torch::Tensor counts = task->module().named_buffers()["counts"];
  EXPECT_TRUE(torch::equal(counts, torch::tensor({3.F, 1.F, 2.F, 0.F, 0.F}))) << counts;
}

TEST(Popularity, RanksAndRecommendsAlikeForEveryUser) {
  const auto data = five_items();
  const auto task = fit_popularity(data);
  const std::vector<int64_t> users = {0, 1};
  EXPECT_EQ(task->target_ranks(users, Split::Test), (std::vector<int32_t>{4, 4}));  // A tie of two.
  const std::vector<History> histories = {data->sequence(0), data->sequence(1).first(1)};
  for (const auto& list : task->recommend(histories, 4, Seen::Listed)) {
    ASSERT_EQ(list.size(), 4U);
    EXPECT_EQ(list[0].item, 0);
    EXPECT_EQ(list[1].item, 2);
    EXPECT_EQ(list[2].item, 1);
    EXPECT_EQ(list[3].item, 3);
    EXPECT_EQ(list[0].score, 3);
  }
}

TEST(Popularity, TrainsNothingByGradients) {
  const auto task = fit_popularity(five_items());
  EXPECT_EQ(task->begin_epoch(0), 0);
  EXPECT_TRUE(task->module().parameters().empty());
  EXPECT_THROW(task->loss({}, 1), Error);
}

TEST(FitObjective, RefusesAModelThatCannotBeFitted) {
  const auto data = five_items();
  const auto model = std::make_shared<torch::nn::LinearImpl>(2, 2);
  EXPECT_THROW(
      objectives().make({{"name", "fit"}}, TaskContext{model, data, torch::kCPU, /*seed=*/1}),
      Error);
}

}  // namespace
}  // namespace seqsweep
