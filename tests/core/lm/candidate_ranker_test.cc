#include "core/lm/candidate_ranker.h"

#include <gtest/gtest.h>

#include <set>

#include "core/base/error.h"
#include "core/lm/language_model_config.h"
#include "tests/support/fixed_order_task.h"
#include "tests/support/titled_dataset.h"

namespace seqsweep {
namespace {

TitledDataset numbered_films() {
  std::vector<std::string> titles;
  for (int i = 0; i < 12; ++i) titles.push_back(fmt::format("Film {}", i));
  return {{{0, 1, 2, 3, 4}, {4, 3, 10, 11}, {2, 3, 5, 11, 1}}, titles};
}

// Of a longer list the last item comes first: it need not begin with the shorter one.
class LastFirstTask : public FixedOrderTask {
 public:
  using FixedOrderTask::FixedOrderTask;
  std::vector<std::vector<Recommendation>> recommend(std::span<const History> histories,
                                                     int64_t count, Seen seen) override {
    auto lists = FixedOrderTask::recommend(histories, count, seen);
    for (auto& list : lists) std::swap(list.front(), list.back());
    return lists;
  }
};

class CandidateRankerTest : public testing::Test {
 protected:
  CandidateRankerTest() { ranker_ = ranker_of(std::make_shared<FixedOrderTask>(*data_)); }

  std::unique_ptr<CandidateRanker> ranker_of(std::shared_ptr<Task> retriever) const {
    LanguageModelConfig config;
    config.vocabulary = 300;
    config.width = 16;
    config.heads = 2;
    config.max_length = 600;
    auto model = make_language_model(Architecture::Llama, config, {*data_, torch::kCPU, 3});
    model->eval();
    return std::make_unique<CandidateRanker>(
        CandidateRankerConfig{.candidates = 4, .title_tokens_max = 12},
        TaskContext{.model = model,
                    .data = data_,
                    .device = torch::kCPU,
                    .seed = 1,
                    .needs = {{"retriever", std::move(retriever)}}},
        "test");
  }

  std::shared_ptr<TitledDataset> data_ = std::make_shared<TitledDataset>(numbered_films());
  std::unique_ptr<CandidateRanker> ranker_;
};

TEST_F(CandidateRankerTest, TheCandidatesAreTheRetrieversInAnotherOrder) {
  const std::vector<History> histories = {data_->sequence(0), data_->sequence(1)};
  const auto lists = ranker_->recommend(histories, 4, Seen::Listed);
  for (const auto& list : lists) {
    std::set<int32_t> items;
    for (size_t i = 0; i < list.size(); ++i) {
      items.insert(list[i].item);
      if (i > 0) {
        EXPECT_LE(list[i].score, list[i - 1].score);
      }
    }
    EXPECT_EQ(items, (std::set<int32_t>{0, 1, 2, 3}));
  }
  EXPECT_GT(ranker_->tokens(), 0);
}

TEST_F(CandidateRankerTest, BehindTheCandidatesComesWhatWasRetrieved) {
  const std::vector<History> histories = {data_->sequence(0)};
  const auto list = ranker_->recommend(histories, 6, Seen::Listed)[0];
  ASSERT_EQ(list.size(), 6U);
  EXPECT_EQ(list[4].item, 4);
  EXPECT_EQ(list[5].item, 5);
  EXPECT_EQ(ranker_->recommend(histories, 2, Seen::LeftOut)[0].size(), 2U);
}

TEST_F(CandidateRankerTest, ALongerListHasEachItemOnce) {
  const auto ranker = ranker_of(std::make_shared<LastFirstTask>(*data_));
  const std::vector<History> histories = {data_->sequence(0)};
  const auto lists = ranker->recommend(histories, 8, Seen::Listed);
  std::set<int32_t> items;
  for (const Recommendation& item : lists[0]) items.insert(item.item);
  EXPECT_EQ(items.size(), 8U);
}

TEST_F(CandidateRankerTest, MetricsOfThoseWhoseTargetWasRetrievedAreApart) {
  const std::vector<int32_t> ranks = {0, 7, 3, kNotRecommended, 4};  // Four are retrieved.
  const auto metrics = ranker_->retrieved_metrics(ranks);
  EXPECT_DOUBLE_EQ(metrics.at("retrieved/share"), 0.4);
  EXPECT_DOUBLE_EQ(metrics.at("retrieved/hit@10"), 1);
  EXPECT_DOUBLE_EQ(metrics.at("retrieved/mrr@10"), (1 + 1.0 / 4) / 2);
  EXPECT_EQ(ranker_->retrieved_metrics(std::vector<int32_t>{9, 4}).size(), 1U);  // Their share, 0.
  EXPECT_TRUE(ranker_->retrieved_metrics({}).empty());
}

TEST_F(CandidateRankerTest, ATargetThatWasNotRetrievedKeepsTheRetrieversRank) {
  const std::vector<int64_t> users = {0, 1, 2};
  const auto ranks = ranker_->target_ranks(users, Split::Test);  // Of items 4, 11 and 1.
  EXPECT_EQ(ranks[0], 4);
  EXPECT_EQ(ranks[1], 11);
  const std::vector<History> histories = {data_->history(2, Split::Test)};
  EXPECT_EQ(ranker_->recommend(histories, 4, Seen::Listed)[0][ranks[2]].item, 1);
}

TEST_F(CandidateRankerTest, AUsersRankDoesNotDependOnTheOthers) {
  const std::vector<int64_t> users = {0, 1, 2};
  const auto together = ranker_->target_ranks(users, Split::Validation);
  for (const int64_t user : users) {
    EXPECT_EQ(ranker_->target_ranks(std::span(&user, 1), Split::Validation)[0], together[user]);
  }
}

TEST_F(CandidateRankerTest, RandomPoolsHoldWhatTheyMustAndNothingTwice) {
  Rng rng(5);
  const std::vector<int32_t> first = {11, 7};
  for (int i = 0; i < 20; ++i) {
    const Pool pool = ranker_->random_pool(data_->sequence(0), first, rng);
    EXPECT_EQ(pool[0], 11);
    EXPECT_EQ(pool[1], 7);
    EXPECT_EQ(std::set<int32_t>(pool.begin(), pool.end()).size(), 4U);
    for (const int32_t item : data_->sequence(0)) {
      EXPECT_EQ(std::ranges::find(pool, item), pool.end());
    }
  }
  // A user that had nearly everything.
  const std::vector<int32_t> nearly = {0, 1, 2, 3, 4, 5, 6, 9, 10};
  EXPECT_EQ(ranker_->random_pool(nearly, first, rng), (Pool{11, 7, 8}));
}

}  // namespace
}  // namespace seqsweep
