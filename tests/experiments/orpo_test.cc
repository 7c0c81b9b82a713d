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

TEST(Orpo, PartsCoverAllPairsOnce) {
  Json settings = kOrpo;
  const auto whole = make_text_task(small_text_model("llamarec"), settings).task;
  const int64_t pairs = whole->begin_epoch(0);
  settings["parts"] = 3;
  const auto parts = make_text_task(small_text_model("llamarec"), settings).task;
  int64_t sum = 0;
  for (int64_t epoch = 0; epoch < 3; ++epoch) sum += parts->begin_epoch(epoch);
  EXPECT_EQ(sum, pairs);
}

TEST(Orpo, ItsPairsAreWrittenForOthersToRead) {
  const auto [data, task] = make_text_task(small_text_model("llamarec"), kOrpo);
  const TemporaryFolder folder;
  task->write_data(folder.path());
  const std::vector<std::string> lines = split(read_file(folder / "preferences.jsonl"), '\n');
  const int64_t training = task->begin_epoch(0);
  int64_t read = 0;
  for (const std::string& line : lines) {
    if (line.empty()) continue;
    const Json pair = Json::parse(line);
    EXPECT_NE(pair.at("prompt").get<std::string>().find("Candidate pool:"), std::string::npos);
    EXPECT_EQ(pair.at("chosen").get<std::string>().size(), 1U);
    EXPECT_NE(pair.at("chosen"), pair.at("rejected"));
    if (!pair.at("held_out").get<bool>()) ++read;
  }
  EXPECT_EQ(read, training);
}

TEST(Orpo, LossesAddUp) {
  const auto [data, task] = make_text_task(small_text_model("llamarec"), kOrpo);
  expect_losses_add_up(*task);
}

}  // namespace
}  // namespace seqsweep
