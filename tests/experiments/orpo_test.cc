#include <gtest/gtest.h>

#include "core/base/files.h"
#include "core/base/text.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/text_task.h"

namespace seqsweep {
namespace {

const Json kOrpo = {{"name", "orpo"},         {"candidates", 4},  {"history_items", 3},
                    {"title_tokens_max", 12}, {"held_out", 0.25}, {"parts", 1}};

TEST(Orpo, PreferencesOfHeldOutUsersAreLearnt) {
  Json settings = kOrpo;
  settings["candidates"] = 2;  // The letter A or B.
  const auto [data, task] =
      make_text_task(small_text_model("llamarec"), settings, circling_users(8, 96));
  task->module().eval();
  const auto before = task->more_metrics(Split::Validation, {});
  train_text_task(*task, 25, 0.005);
  const auto after = task->more_metrics(Split::Validation, {});
  EXPECT_GT(after.at("rewards/margins"), before.at("rewards/margins"));
  EXPECT_GE(after.at("rewards/accuracies"), 0.75);
  EXPECT_TRUE(task->more_metrics(Split::Test, {}).empty());
}

// Users of five of twelve films, AAA, BBB, ..., one after another; the last two are held out.
std::shared_ptr<TitledDataset> users_of_five() {
  std::vector<std::vector<int32_t>> sequences;
  std::vector<std::string> titles;
  for (int32_t user = 0; user < 24; ++user) {
    auto& sequence = sequences.emplace_back();
    for (int32_t i = 0; i < 5; ++i) sequence.push_back((user + i) % 12);
  }
  for (char letter = 'A'; letter < 'A' + 12; ++letter) titles.emplace_back(3, letter);
  return std::make_shared<TitledDataset>(sequences, titles);
}

std::unique_ptr<Task> five_of_twelve(const char* train_pool) {
  Json settings = kOrpo;
  settings["train_pool"] = train_pool;
  return make_text_task(small_text_model("llamarec"), settings, users_of_five()).task;
}

// The pair's pool, in order.
std::vector<int32_t> pool_of(const Json& pair) {
  const auto prompt = pair.at("prompt").get<std::string>();
  std::vector<int32_t> pool;
  for (const char letter : {'A', 'B', 'C', 'D'}) {
    const std::string entry = {'(', letter, ')'};
    pool.push_back(prompt.at(prompt.rfind(entry) + 4) - 'A');
  }
  return pool;
}

std::vector<Json> pairs_of(Task& task) {
  const TemporaryFolder folder;
  task.write_data(folder.path());
  std::vector<Json> pairs;
  for (const std::string& line : split(read_file(folder / "preferences.jsonl"), '\n')) {
    if (!line.empty()) pairs.push_back(Json::parse(line));
  }
  return pairs;
}

// Of an epoch's examples.
LossSum loss_of_epoch(Task& task, int64_t epoch) {
  std::vector<int64_t> examples(task.begin_epoch(epoch));
  std::iota(examples.begin(), examples.end(), 0);
  const LossSum loss = task.loss(examples, 1);
  return {loss.sum.detach(), loss.count};
}

TEST(Orpo, PartsCoverAllPairsOnce) {
  Json settings = kOrpo;
  const auto whole = make_text_task(small_text_model("llamarec"), settings, users_of_five()).task;
  const LossSum all = loss_of_epoch(*whole, 0);
  settings["parts"] = 3;
  const auto parts = make_text_task(small_text_model("llamarec"), settings, users_of_five()).task;
  double sum = 0;
  int64_t count = 0;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    const LossSum part = loss_of_epoch(*parts, epoch);
    sum += part.sum.item<double>();
    count += part.count;
  }
  EXPECT_EQ(count, all.count);
  EXPECT_NEAR(sum, all.sum.item<double>(), 1e-3);
  // The next pass has the pairs in other pools.
  EXPECT_GT(std::abs(loss_of_epoch(*whole, 1).sum.item<double>() - sum), 1e-3);
}

TEST(Orpo, NegativesMustOrderAllItems) {
  struct ShortLists : FixedOrderTask {
    using FixedOrderTask::FixedOrderTask;
    int64_t list_length() const override { return 5; }
  };
  const auto data = users_of_five();
  TaskContext context{
      .model = models().make(small_text_model("llamarec"), ModelContext{*data, torch::kCPU, 3}),
      .data = data,
      .device = torch::kCPU,
      .seed = 1,
      .needs = {{"retriever", std::make_shared<FixedOrderTask>(*data)},
                {"negatives", std::make_shared<ShortLists>(*data)}}};
  try {
    objectives().make(kOrpo, context);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("orders all 12 items; this one lists 5"),
              std::string::npos);
  }
}

TEST(Orpo, FewerPairsThanPartsAreRefused) {
  Json settings = kOrpo;
  settings["parts"] = 100;
  const auto task = make_text_task(small_text_model("llamarec"), settings).task;
  try {
    task->begin_epoch(0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("fewer than the 100 `parts`"), std::string::npos);
  }
}

TEST(Orpo, ItsPairsAreWrittenForOthersToRead) {
  const auto [data, task] = make_text_task(small_text_model("llamarec"), kOrpo);
  int64_t training = 0;
  for (const Json& pair : pairs_of(*task)) {
    EXPECT_NE(pair.at("prompt").get<std::string>().find("Candidate pool:"), std::string::npos);
    EXPECT_EQ(pair.at("chosen").get<std::string>().size(), 1U);
    EXPECT_NE(pair.at("chosen"), pair.at("rejected"));
    if (!pair.at("held_out").get<bool>()) ++training;
  }
  EXPECT_EQ(training, task->begin_epoch(0));
}

TEST(Orpo, PairsAreTheSameAgainAndWithoutHeldOutItems) {
  for (const char* train_pool : {"random", "retrieved"}) {
    const std::vector<Json> pairs = pairs_of(*five_of_twelve(train_pool));
    EXPECT_FALSE(pairs.empty());
    EXPECT_EQ(pairs, pairs_of(*five_of_twelve(train_pool)));
    for (const Json& pair : pairs) {
      const int32_t user = std::stoi(pair.at("user").get<std::string>().substr(4));
      for (const int32_t item : pool_of(pair)) {
        EXPECT_NE(item, (user + 3) % 12) << pair;
        EXPECT_NE(item, (user + 4) % 12) << pair;
      }
    }
  }
}

TEST(Orpo, AUserOfNearlyEverythingHasSmallPools) {
  const auto task = make_text_task(small_text_model("llamarec"), kOrpo).task;  // 7 of 8 films.
  for (const Json& pair : pairs_of(*task)) {
    EXPECT_EQ(pair.at("prompt").get<std::string>().find("(C)"), std::string::npos) << pair;
  }
}

TEST(Orpo, RetrievedPoolsKeepTheirOrderAndWinners) {
  const std::vector<Json> pairs = pairs_of(*five_of_twelve("retrieved"));
  for (const Json& pair : pairs) {
    // The retriever's order is that of the films, whatever the history.
    const auto place = [&](const char* role) { return pair.at(role).get<std::string>()[0] - 'A'; };
    std::vector<int32_t> pool = pool_of(pair);
    const int32_t user = std::stoi(pair.at("user").get<std::string>().substr(4));
    EXPECT_EQ(pool.at(place("chosen")), (user + 2) % 12) << pair;
    EXPECT_GT(pool.at(place("rejected")), 5) << pair;
    pool.erase(pool.begin() + place("rejected"));
    EXPECT_TRUE(std::ranges::is_sorted(pool) && pool.back() < 6) << pair;
  }
  EXPECT_FALSE(pairs.empty());
  EXPECT_LT(pairs.size(), pairs_of(*five_of_twelve("random")).size());
  // The others teach nothing.
  const auto task = five_of_twelve("retrieved");
  EXPECT_EQ(loss_of_epoch(*task, 0).count, std::ranges::count(pairs, false, [](const Json& pair) {
              return bool(pair.at("held_out"));
            }));
  const auto metrics = task->more_metrics(Split::Validation, {});
  EXPECT_GT(metrics.at("rewards/accuracies"), 0);
  EXPECT_LE(metrics.at("rewards/accuracies"), 1);
}

TEST(Orpo, LossesAddUp) {
  const auto [data, task] = make_text_task(small_text_model("llamarec"), kOrpo);
  expect_losses_add_up(*task);
}

}  // namespace
}  // namespace seqsweep
