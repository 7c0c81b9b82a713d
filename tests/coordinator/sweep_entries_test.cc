#include "coordinator/sweep_entries.h"

#include <gmock/gmock.h>

#include "tests/coordinator/fake_catalog.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ModelChoice read_entry(const std::string& entry) {
  const FakeCatalog catalog;
  TrainConfig train;
  train.epochs = 7;
  return read_model(parse_yaml(entry, "s.yaml"), "models.0", {catalog.get(), train, {}});
}

std::string refusal(const std::string& entry) {
  try {
    read_entry(entry);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    return error.what();
  }
  return "no error";
}

TEST(SweepEntries, AnObjectiveNeedsItsUsualModels) {
  const ModelChoice got = read_entry("{name: deep, objective: pair}");
  ASSERT_THAT(got.needs, SizeIs(1));
  EXPECT_EQ(got.needs[0].role, "scout");
  EXPECT_EQ(got.needs[0].model.spec["name"], "wide");
  EXPECT_EQ(got.needs[0].model.objective["name"], "rank");
  EXPECT_EQ(got.needs[0].model.train.epochs, 7);
  EXPECT_EQ(got.needs[0].optimizer.spec["name"], "climb");  // The default one.
  EXPECT_FALSE(got.objective.contains("scout"));
}

TEST(SweepEntries, ANeededModelIsAWholeEntry) {
  const ModelChoice got = read_entry(
      "{name: deep, objective: {name: pair, rate: 0.125, scout: {name: deep, width: 5, objective: "
      "{width: 6}, train: {epochs: 2}, evaluate: {cutoffs: [3]}, "
      "optimizer: {name: jump, rate: 0.25, boldly: true}}}}");
  EXPECT_EQ(got.objective["rate"], 0.125);
  ASSERT_THAT(got.needs, SizeIs(1));
  const NeededChoice& scout = got.needs[0];
  EXPECT_EQ(scout.model.spec["width"], 5);
  EXPECT_EQ(scout.model.objective, Json::parse(R"({"name": "guess", "width": 6, "rate": 0.5})"));
  EXPECT_EQ(scout.model.train.epochs, 2);
  EXPECT_EQ(scout.model.evaluate.cutoffs, std::vector<int64_t>{3});
  EXPECT_EQ(scout.optimizer.spec["rate"], 0.25);
  EXPECT_EQ(scout.optimizer.batch_schedule["name"], "bold");
}

TEST(SweepEntries, AStartHasTheModelsSettingsAndItsOwnTraining) {
  const ModelChoice got = read_entry(
      "{name: deep, width: 5, objective: rank, train: {epochs: 1}, "
      "start: {rate: 0.25, optimizer: jump}}");
  ASSERT_THAT(got.needs, SizeIs(1));
  const NeededChoice& start = got.needs[0];
  EXPECT_EQ(start.role, kStartRole);
  EXPECT_EQ(start.model.spec, Json::parse(R"({"name": "deep", "width": 5, "rate": 0.25})"));
  EXPECT_EQ(start.model.objective["name"], "guess");  // The model's usual one.
  EXPECT_EQ(start.model.train.epochs, 7);
  EXPECT_EQ(start.optimizer.spec["name"], "jump");
  EXPECT_THAT(read_entry("{name: deep, start: deep}").needs, SizeIs(1));
}

TEST(SweepEntries, OptimizersOfAModel) {
  const ModelChoice got = read_entry("{name: deep, optimizers: [jump, {name: climb, rate: 0.1}]}");
  ASSERT_THAT(got.optimizers, SizeIs(2));
  EXPECT_EQ(got.optimizers[1].spec["rate"], 0.1);
  EXPECT_THAT(read_entry("deep").optimizers, IsEmpty());
}

TEST(SweepEntries, MistakesNamePlaceAndWhatIsValid) {
  EXPECT_THAT(refusal("{name: deep, objective: {name: pair, scout: {name: wid}}}"),
              AllOf(HasSubstr("s.yaml:1:"), HasSubstr("did you mean 'wide'")));
  EXPECT_THAT(refusal("{name: deep, objective: {name: pair, scout: {name: wide, widht: 1}}}"),
              HasSubstr("models.0.objective.scout: unknown key 'widht'"));
  EXPECT_THAT(refusal("{name: deep, objective: {name: guess, scout: wide}}"),
              HasSubstr("models.0.objective: unknown key 'scout'"));
  EXPECT_THAT(refusal("{name: deep, start: wide}"),
              AllOf(HasSubstr("models.0.start"), HasSubstr("its own model, deep; got 'wide'")));
  EXPECT_THAT(refusal("{name: deep, start: [deep]}"), HasSubstr("models.0.start: expected"));
  EXPECT_THAT(refusal("{name: deep, optimizer: jump}"), HasSubstr("unknown key 'optimizer'"));
  EXPECT_THAT(refusal("{name: deep, optimizers: jump}"),
              HasSubstr("models.0.optimizers: expected"));
  EXPECT_THAT(refusal("{name: deep, optimizers: []}"), HasSubstr("models.0.optimizers: expected"));
  EXPECT_THAT(refusal("{name: deep, start: {optimizers: [jump]}}"),
              HasSubstr("models.0.start: unknown key 'optimizers'"));
  std::string endless = "deep";
  for (int i = 0; i < 10; ++i) endless = fmt::format("{{name: deep, start: {}}}", endless);
  EXPECT_THAT(refusal(endless), HasSubstr("more than 8 runs that need one another"));
}

}  // namespace
}  // namespace seqsweep
