#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/text_task.h"

namespace seqsweep {
namespace {

const Json kRankCandidates = {{"name", "rank_candidates"},
                              {"candidates", 4},
                              {"history_items", 3},
                              {"title_tokens_max", 12},
                              {"prefixes", 3}};

TEST(RankCandidates, LearnsWhichLetterStandsForTheNextItem) {
  // Users of two items in turn, both among the candidates of everyone.
  std::vector<std::vector<int32_t>> sequences;
  for (int32_t user = 0; user < 32; ++user) {
    auto& sequence = sequences.emplace_back();
    for (int32_t i = 0; i < 7; ++i) sequence.push_back((user + i) % 2);
  }
  const auto data = std::make_shared<TitledDataset>(
      sequences, std::vector<std::string>{"aaa", "bbb", "ccc", "ddd", "eee", "fff"});
  Json retrieved = kRankCandidates;
  retrieved["train_pool"] = "retrieved";
  retrieved["shuffle"] = false;
  const auto task = make_text_task(small_text_model("llamarec"), retrieved, data).task;
  train_text_task(*task, 25, 0.005);
  EXPECT_GE(firsts(*task, *data, Split::Test), 30);  // 16 by the retriever's order.
}

TEST(RankCandidates, LearnsFromSmallPoolsWhatAllLettersStandFor) {
  // Everyone has the last of four candidates again and again: in training one of two with any two
  // of the four letters, at the end the fourth of four.
  const auto data = std::make_shared<TitledDataset>(
      std::vector<std::vector<int32_t>>(32, std::vector<int32_t>(7, 3)),
      std::vector<std::string>{"aaa", "bbb", "ccc", "ddd", "eee", "fff"});
  Json small = kRankCandidates;
  small["pool_size"] = 2;
  const auto task = make_text_task(small_text_model("llamarec"), small, data).task;
  train_text_task(*task, 40, 0.005);
  EXPECT_EQ(firsts(*task, *data, Split::Test), 32);  // None by the retriever's order.
}

TEST(RankCandidates, LossesAddUpWhereNothingIsDrawn) {
  Json retrieved = kRankCandidates;
  retrieved["train_pool"] = "retrieved";
  retrieved["shuffle"] = false;
  const auto [data, task] = make_text_task(small_text_model("llamarec"), retrieved);
  expect_losses_add_up(*task);
}

TEST(RankCandidates, AnItemThatIsNotRetrievedIsNoTarget) {
  Json retrieved = kRankCandidates;
  retrieved["train_pool"] = "retrieved";
  const auto [data, task] = make_text_task(small_text_model("llamarec"), retrieved);
  const int64_t examples = task->begin_epoch(0);
  int64_t targets = 0;
  std::vector<int64_t> all;
  for (int64_t i = 0; i < examples; ++i) {
    const LossSum loss = task->loss(std::vector{i}, 1);
    loss.sum.backward();  // Also where there is nothing to learn.
    EXPECT_EQ(loss.sum.item<double>() > 0, loss.count == 1);
    targets += loss.count;
    all.push_back(i);
  }
  EXPECT_GT(targets, 0);
  EXPECT_LT(targets, examples);
  EXPECT_EQ(task->loss(all, 1).count, targets);
}

TEST(RankCandidates, TheSameSeedDrawsTheSamePools) {
  const auto [data, task] = make_text_task(small_text_model("llamarec"), kRankCandidates);
  task->begin_epoch(0);
  const std::vector<int64_t> examples = {0, 1, 2};
  const double first = task->loss(examples, 5).sum.item<double>();
  EXPECT_EQ(task->loss(examples, 5).sum.item<double>(), first);
  EXPECT_NE(task->loss(examples, 6).sum.item<double>(), first);
}

TEST(RankCandidates, SettingsThatGiveTheAnswerAwayAreRefused) {
  Json settings = kRankCandidates;
  settings["shuffle"] = false;  // The target would always stand first.
  EXPECT_THROW(make_text_task(small_text_model("llamarec"), settings), Error);
  for (const int64_t size : {1, 5}) {  // Of four candidates.
    settings = kRankCandidates;
    settings["pool_size"] = size;
    EXPECT_THROW(make_text_task(small_text_model("llamarec"), settings), Error);
  }
  settings["pool_size"] = 2;
  settings["train_pool"] = "retrieved";
  EXPECT_THROW(make_text_task(small_text_model("llamarec"), settings), Error);
  settings = kRankCandidates;
  settings["candidates"] = 26;  // More than there are items.
  EXPECT_THROW(make_text_task(small_text_model("llamarec"), settings), Error);
}

}  // namespace
}  // namespace seqsweep
