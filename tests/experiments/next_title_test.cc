#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/train/evaluation.h"
#include "tests/support/text_task.h"

namespace seqsweep {
namespace {

const Json kNextTitle = {{"name", "next_title"}, {"history_items", 4}, {"title_tokens_max", 16},
                         {"beams", 3},           {"list_length", 4},   {"tune_users", 8}};

class NextTitleTest : public testing::TestWithParam<const char*> {};

TEST_P(NextTitleTest, LearnsToWriteWhatComesNext) {
  const auto [data, task] = make_text_task(small_text_model(GetParam()), kNextTitle);
  train_text_task(*task, 60, 0.005);
  EXPECT_GE(firsts(*task, *data, Split::Test), 20);  // Of 24 users.
  const std::vector<History> histories = {data->history(0, Split::Test)};
  const auto list = task->recommend(histories, 2, Seen::Listed)[0];
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].item, data->target(0, Split::Test));
  EXPECT_GT(task->tokens(), 0);
}

INSTANTIATE_TEST_SUITE_P(Models, NextTitleTest, testing::Values("gpt4rec", "mamrec"));

TEST(NextTitle, LossesAddUp) {
  const auto [data, task] = make_text_task(small_text_model("gpt4rec"), kNextTitle);
  expect_losses_add_up(*task);
}

TEST(NextTitle, LearningTheTargetAloneLearnsFewerTokens) {
  Json target_only = kNextTitle;
  target_only["loss_on"] = "target";
  const auto all = make_text_task(small_text_model("gpt4rec"), kNextTitle).task;
  const auto target = make_text_task(small_text_model("gpt4rec"), target_only).task;
  all->begin_epoch(0);
  target->begin_epoch(0);
  const std::vector<int64_t> examples = {0, 1, 2, 3};
  EXPECT_LT(target->loss(examples, 1).count, all->loss(examples, 1).count);
}

TEST(NextTitle, SettingsThatWouldDoNothingAreRefused) {
  Json target = kNextTitle;
  target["loss_on"] = "target";
  target["stride"] = 2;
  EXPECT_THROW(make_text_task(small_text_model("gpt4rec"), target), Error);
  Json all = kNextTitle;
  all["prefixes"] = 2;
  EXPECT_THROW(make_text_task(small_text_model("gpt4rec"), all), Error);
}

// The fourth place is its last.
TEST(NextTitle, CutOffsBehindItsListsAreRefused) {
  const auto [data, task] = make_text_task(small_text_model("gpt4rec"), kNextTitle);
  const std::vector<int64_t> within = {1, 4}, behind = {1, 5};
  require_cutoffs(*task, within);
  EXPECT_THROW(require_cutoffs(*task, behind), Error);
}

TEST(NextTitle, SeenItemsAreLeftOutOnRequest) {
  const auto [data, task] = make_text_task(small_text_model("gpt4rec"), kNextTitle);
  const std::vector<History> histories = {data->sequence(0).first(3)};
  task->module().eval();
  const auto lists = task->recommend(histories, 8, Seen::LeftOut);
  for (const Recommendation& item : lists[0]) {
    EXPECT_EQ(std::ranges::find(histories[0], item.item), histories[0].end());
  }
}

TEST(NextTitle, WhatWasTunedIsSavedWithTheModel) {
  const auto [data, task] = make_text_task(small_text_model("gpt4rec"), kNextTitle);
  task->module().eval();
  const torch::Tensor tuned = task->module().named_buffers()[std::string(kTaskBuffer) + "bm25"];
  EXPECT_TRUE(tuned.isnan().any().item<bool>());
  firsts(*task, *data, Split::Test);
  EXPECT_FALSE(tuned.isnan().any().item<bool>());
}

TEST(NextTitle, AModelOfItemsIsRefused) {
  EXPECT_THROW(make_text_task({{"name", "sasrec"}}, kNextTitle), Error);
}

}  // namespace
}  // namespace seqsweep
