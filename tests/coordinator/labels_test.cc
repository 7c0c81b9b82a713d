#include "coordinator/labels.h"

#include <gtest/gtest.h>

namespace seqsweep {
namespace {

ModelChoice named_model(const Json& spec) {
  ModelChoice choice;
  choice.spec = spec;
  choice.label = spec.at("name").get<std::string>();
  choice.objective = {{"name", "guess"}};
  return choice;
}

OptimizerChoice with_rate(double rate) {
  OptimizerChoice choice;
  choice.spec = {{"name", "climb"}, {"rate", rate}};
  choice.label = "climb";
  choice.batch_schedule = {{"name", "steady"}};
  return choice;
}

TEST(Labels, ANameThatTellsIsEnough) {
  std::vector<Choice> datasets(2);
  datasets[0] = {{{"name", "films"}, {"width", 1}}, "films", {}};
  datasets[1] = {{{"name", "books"}, {"width", 2}}, "books", {}};
  label_datasets(datasets);
  EXPECT_EQ(datasets[0].label, "films");
  EXPECT_EQ(datasets[1].label, "books");
}

TEST(Labels, SettingsTellEntriesOfOneNameApart) {
  std::vector<Choice> datasets(2);
  datasets[0] = {{{"name", "films"}, {"width", 1}, {"path", "a"}}, "films", {}};
  datasets[1] = {{{"name", "films"}, {"width", 2}, {"path", "a"}}, "films", {}};
  label_datasets(datasets);
  EXPECT_EQ(datasets[0].label, "films{width=1}");
  EXPECT_EQ(datasets[1].label, "films{width=2}");
}

TEST(Labels, SettingsThatFollowFromOthersAreNotTold) {
  std::vector<Choice> datasets(3);
  for (int i = 0; i < 3; ++i) {
    datasets[i] = {{{"name", "films"},
                    {"depth", i == 2 ? 7 : 1},
                    {"shape",
                     {{"name", i == 0   ? "round"
                               : i == 1 ? "flat"
                                        : "long"}}},
                    {"width", i}},
                   "films",
                   {}};
  }
  label_datasets(datasets);
  EXPECT_EQ(datasets[0].label, "films{shape=round}");
  EXPECT_EQ(datasets[2].label, "films{shape=long}");
}

TEST(Labels, AGridOfTwoSettingsIsToldByBoth) {
  std::vector<Choice> datasets(4);
  for (int i = 0; i < 4; ++i) {
    datasets[i] = {{{"name", "films"}, {"depth", i / 2}, {"width", i % 2}}, "films", {}};
  }
  label_datasets(datasets);
  EXPECT_EQ(datasets[1].label, "films{depth=0,width=1}");
  EXPECT_EQ(datasets[2].label, "films{depth=1,width=0}");
}

TEST(Labels, NeededRunsAreToldFromTheGridsOwn) {
  std::vector<ModelChoice> models = {named_model({{"name", "wide"}, {"width", 1}}),
                                     named_model({{"name", "deep"}})};
  models[1].needs.push_back(
      {"scout", named_model({{"name", "wide"}, {"width", 2}}), with_rate(0.5)});
  std::vector<OptimizerChoice> optimizers = {with_rate(0.25)};
  label_models(models, optimizers);
  EXPECT_EQ(models[0].label, "wide{width=1}");
  EXPECT_EQ(models[1].label, "deep");
  EXPECT_EQ(models[1].needs[0].model.label, "wide{width=2}");
  EXPECT_EQ(models[1].needs[0].optimizer.label, "climb{rate=0.5}");
  EXPECT_EQ(optimizers[0].label, "climb{rate=0.25}");
}

// A terminal takes U+009B, which JSON leaves as it is, for the beginning of an escape.
TEST(Labels, SettingsAreHarmlessToATerminal) {
  std::vector<ModelChoice> models = {named_model({{"name", "deep"}, {"path", "a\x1b[2J"}}),
                                     named_model({{"name", "deep"},
                                                  {"path",
                                                   "a\xc2\x9b"
                                                   "2J"}})};
  std::vector<OptimizerChoice> optimizers = {with_rate(0.5)};
  label_models(models, optimizers);
  EXPECT_EQ(models[0].label, "deep{path=\"a\\u001b[2J\"}");
  EXPECT_EQ(models[1].label, "deep{path=\"a\\xc2\\x9b2J\"}");
}

TEST(Labels, AStartIsADifference) {
  std::vector<ModelChoice> models = {named_model({{"name", "deep"}}),
                                     named_model({{"name", "deep"}})};
  models[1].needs.push_back({kStartRole, named_model({{"name", "deep"}}), with_rate(0.5)});
  std::vector<OptimizerChoice> optimizers = {with_rate(0.5)};
  label_models(models, optimizers);
  EXPECT_EQ(models[0].label, "deep{start=none}");
  EXPECT_EQ(models[1].label, "deep{start=deep}");
  EXPECT_EQ(models[1].needs[0].model.label, models[0].label);  // It is the same run.
  EXPECT_EQ(models[1].needs[0].optimizer.label, "climb");
}

}  // namespace
}  // namespace seqsweep
