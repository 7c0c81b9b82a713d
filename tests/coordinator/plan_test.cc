#include "coordinator/plan.h"

#include <gmock/gmock.h>

#include <set>

#include "tests/coordinator/fake_catalog.h"

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

SweepConfig read(const std::string& yaml) {
  const FakeCatalog catalog;
  return read_sweep(parse_yaml(yaml, "s.yaml"), catalog.get());
}

std::vector<SweepRun> plan(const std::string& yaml) {
  return expand(read(yaml));
}

std::string error_of(const std::string& yaml) {
  try {
    plan(yaml);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 2);
    return error.what();
  }
  return "no error";
}

constexpr const char* kGrid =
    "name: grid\n"
    "datasets: [films, {name: books, width: 3}]\n"
    "models: [deep, {name: wide, rate: 0.25, train: {batch_size: 7}}]\n"
    "optimizers: [climb, jump]\n"
    "seeds: [1, 2]\n"
    "train: {epochs: 4, batch_size: 64}\n";

TEST(Plan, ExpandsInGridOrder) {
  const auto runs = plan(kGrid);
  ASSERT_EQ(runs.size(), 16U);
  EXPECT_EQ(runs[0].label, "films/deep/climb/seed 1");
  EXPECT_EQ(runs[1].label, "films/deep/climb/seed 2");
  EXPECT_EQ(runs[2].label, "films/deep/jump/seed 1");
  EXPECT_EQ(runs[4].label, "films/wide/climb/seed 1");
  EXPECT_EQ(runs[8].label, "books/deep/climb/seed 1");
  std::set<std::string> ids;
  for (const SweepRun& run : runs) {
    EXPECT_EQ(run.run_id, config_hash(run.config.json()));
    ids.insert(run.run_id);
  }
  EXPECT_EQ(ids.size(), 16U);
}

TEST(Plan, ResolvesEverySettingOfEveryPart) {
  const RunConfig config = plan(kGrid)[15].config;
  EXPECT_EQ(config.dataset, Json::parse(R"({"name": "books", "width": 3, "rate": 0.5})"));
  EXPECT_EQ(config.model, Json::parse(R"({"name": "wide", "width": 8, "rate": 0.25})"));
  EXPECT_EQ(config.objective, Json::parse(R"({"name": "rank", "width": 8, "rate": 0.5})"));
  EXPECT_EQ(config.optimizer["name"], "jump");
  EXPECT_EQ(config.seed, 2);
  EXPECT_EQ(config.train.batch_size, 7);  // The model's entry.
  EXPECT_EQ(config.train.epochs, 4);      // The sweep.
  EXPECT_EQ(config.train.patience, TrainConfig{}.patience);
  EXPECT_EQ(plan(kGrid)[0].config.train.batch_size, 64);
}

TEST(Plan, SmallestFileHasDefaults) {
  const auto runs = plan("name: a\ndatasets: [films]\nmodels: [deep]\n");
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].label, "films/deep/climb/seed 1");  // The optimizer that is the default one.
}

TEST(Plan, ObjectiveIsNamedOrSetOrBoth) {
  const auto objective = [](const std::string& entry) {
    return plan("name: a\ndatasets: [films]\nmodels:\n  - {name: deep, objective: " + entry + "}\n")
        .at(0)
        .config.objective;
  };
  EXPECT_EQ(objective("rank")["name"], "rank");
  EXPECT_EQ(objective("{width: 5}"), Json::parse(R"({"name": "guess", "width": 5, "rate": 0.5})"));
  EXPECT_EQ(objective("{name: rank, rate: 0}"),
            Json::parse(R"({"name": "rank", "width": 8, "rate": 0.0})"));
}

TEST(Plan, EntriesOfOneNameAreToldApart) {
  const auto runs = plan(
      "name: a\ndatasets: [films]\n"
      "models: [deep, {name: deep, width: 16}, {name: deep, train: {epochs: 3}}, wide]\n");
  ASSERT_EQ(runs.size(), 4U);
  EXPECT_EQ(runs[0].label, "films/deep{train.epochs=100,width=8}/climb/seed 1");
  EXPECT_EQ(runs[1].label, "films/deep{train.epochs=100,width=16}/climb/seed 1");
  EXPECT_EQ(runs[2].label, "films/deep{train.epochs=3,width=8}/climb/seed 1");
  EXPECT_EQ(runs[3].label, "films/wide/climb/seed 1");
}

TEST(Plan, IdDependsOnConfigAlone) {
  const auto plain = plan("name: a\ndatasets: [films]\nmodels: [deep]\n");
  const auto spelt = plan(
      "seeds: [1]\nname: b\ndatasets: [{rate: 0.5, name: films}]\n"
      "models: [{name: deep, objective: guess, width: 8}]\ntrain: {epochs: 100}\n");
  const auto other = plan("name: a\ndatasets: [films]\nmodels: [deep]\ntrain: {epochs: 99}\n");
  EXPECT_EQ(plain[0].run_id, spelt[0].run_id);
  EXPECT_NE(plain[0].run_id, other[0].run_id);
}

TEST(Plan, ResolvedSweepReadsBackToTheSameRuns) {
  const Json dump = resolved(read(kGrid));
  EXPECT_EQ(dump["models"][1]["train"]["batch_size"], 7);
  EXPECT_EQ(dump["latency"]["samples"], 30);
  const auto runs = plan(kGrid), again = plan(dump.dump(2));
  ASSERT_EQ(again.size(), runs.size());
  for (size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(again[i].run_id, runs[i].run_id);
    EXPECT_EQ(again[i].label, runs[i].label);
  }
}

TEST(Plan, OverridesFromACommandLineAreSeen) {
  const FakeCatalog catalog;
  Value file = parse_yaml(kGrid, "s.yaml");
  apply_override(file, "train.epochs=9");
  apply_override(file, "models=[deep]");
  const auto runs = expand(read_sweep(file, catalog.get()));
  ASSERT_EQ(runs.size(), 8U);
  EXPECT_EQ(runs[0].config.train.epochs, 9);
}

struct BadSweep {
  const char* what;
  const char* yaml;
  std::vector<const char*> said;
};

TEST(Plan, BadSweepsNamePlaceAndWhatIsValid) {
  const std::string ok = "name: a\ndatasets: [films]\nmodels: [deep]\n";
  const BadSweep cases[] = {
      {"empty file", "", {"s.yaml: 'name' is missing"}},
      {"not a map", "[1]", {"a map of settings"}},
      {"malformed", "name: [", {"malformed YAML"}},
      {"no models", "name: a\ndatasets: [films]\n", {"'models' is missing", "known: deep, wide"}},
      {"no datasets", "name: a\nmodels: [deep]\n", {"'datasets' is missing", "books, films"}},
      {"unknown key",
       "name: a\nmodel: [deep]\n",
       {"s.yaml:2:1: unknown key 'model'", "did you mean 'models'", "valid keys: name, datasets"}},
      {"unknown model",
       "name: a\ndatasets: [films]\nmodels:\n  - deep\n  - dep\n",
       {"s.yaml:5:5", "unknown model 'dep'", "did you mean 'deep'", "known: deep, wide"}},
      {"unknown data set",
       "name: a\ndatasets: [film]\nmodels: [deep]\n",
       {"s.yaml:2:12", "unknown dataset 'film'", "did you mean 'films'"}},
      {"unknown optimizer",
       "name: a\ndatasets: [films]\nmodels: [deep]\noptimizers: [fly]\n",
       {"s.yaml:4:14", "unknown optimizer 'fly'"}},
      {"unknown setting",
       "name: a\ndatasets: [films]\nmodels:\n  - {name: deep, widht: 3}\n",
       {"s.yaml:4:18", "models.0: unknown key 'widht'", "did you mean 'width'"}},
      {"setting of a wrong type",
       "name: a\ndatasets: [films]\nmodels: [{name: deep, width: x}]\n",
       {"s.yaml:3:30", "models.0.width: expected an integer, got 'x'"}},
      {"setting out of range",
       "name: a\ndatasets: [films]\nmodels: [{name: deep, rate: 2}]\n",
       {"models.0.rate: must be from 0 to 1"}},
      {"entry without a name",
       "name: a\ndatasets: [films]\nmodels: [{width: 3}]\n",
       {"s.yaml:3:10", "the model has no 'name'"}},
      {"entry is a list",
       "name: a\ndatasets: [films]\nmodels: [[deep]]\n",
       {"s.yaml:3:10: models.0: expected a name or a map"}},
      {"unknown objective",
       "name: a\ndatasets: [films]\nmodels: [{name: deep, objective: gues}]\n",
       {"s.yaml:3:34", "unknown objective 'gues'", "did you mean 'guess'"}},
      {"bad override in a model",
       "name: a\ndatasets: [films]\nmodels: [{name: deep, train: {epoch: 3}}]\n",
       {"s.yaml:3:31", "models.0.train: unknown key 'epoch'", "did you mean 'epochs'"}},
      {"negative batch",
       "name: a\ndatasets: [films]\nmodels: [deep]\ntrain: {batch_size: -1}\n",
       {"s.yaml:4:21: train.batch_size: must be at least 1, got '-1'"}},
      {"no cut-offs",
       "name: a\ndatasets: [films]\nmodels: [deep]\nevaluate: {cutoffs: []}\n",
       {"cutoffs is empty"}},
      {"list of a wrong type",
       "name: a\ndatasets: films\nmodels: [deep]\n",
       {"s.yaml:2:11: datasets: expected a list, got 'films'"}},
      {"empty list",
       "name: a\ndatasets: [films]\nmodels: []\n",
       {"s.yaml:3:9: models: the list is empty"}},
      {"empty seeds",
       "name: a\ndatasets: [films]\nmodels: [deep]\nseeds: []\n",
       {"s.yaml:4:8: seeds: the list is empty"}},
      {"negative seed",
       "name: a\ndatasets: [films]\nmodels: [deep]\nseeds: [1, -2]\n",
       {"s.yaml:4:12: seeds.1: must be at least 0"}},
      {"same seed",
       "name: a\ndatasets: [films]\nmodels: [deep]\nseeds: [1, 3, 1]\n",
       {"s.yaml:4:9 and s.yaml:4:15", "the same run (films/deep/climb/seed 1)"}},
      {"same model",
       "name: a\ndatasets: [films]\nmodels: [deep, {name: deep, width: 8}]\n",
       {"s.yaml:3:10 and s.yaml:3:16", "the same run"}},
      {"a path as name",
       "name: ../a\ndatasets: [films]\nmodels: [deep]\n",
       {"s.yaml:1:7: name: must be a file name", "got '../a'"}},
      {"an absolute path as name",
       "name: /tmp/a\ndatasets: [films]\nmodels: [deep]\n",
       {"name: must be a file name"}},
      {"the folder above as name",
       "name: ..\ndatasets: [films]\nmodels: [deep]\n",
       {"name: must be a file name"}},
      {"an escape in the name",
       "name: \"a\\e[2J\"\ndatasets: [films]\nmodels: [deep]\n",
       {"got 'a\\x1b[2J'"}},
      {"pruning without rungs",
       "name: a\ndatasets: [films]\nmodels: [deep]\nprune: {keep: 0.5}\n",
       {"s.yaml:4:8: prune.rungs: must be a list of epochs"}},
      {"a GPU for nobody",
       "name: a\ndatasets: [films]\nmodels: [deep]\nranks_per_gpu: 0\n",
       {"s.yaml:4:16: ranks_per_gpu: must be at least 1"}},
      {"rungs that descend",
       "name: a\ndatasets: [films]\nmodels: [deep]\nprune: {rungs: [3, 2]}\n",
       {"each more than the one before"}},
      {"name missing", "datasets: [films]\nmodels: [deep]\n", {"'name' is missing"}},
  };
  EXPECT_EQ(error_of(ok), "no error");
  for (const BadSweep& bad : cases) {
    SCOPED_TRACE(bad.what);
    const std::string text = error_of(bad.yaml);
    for (const char* said : bad.said) EXPECT_THAT(text, HasSubstr(said));
  }
}

TEST(Plan, AGridBeyondReasonIsRefused) {
  std::string seeds = "0";
  for (int i = 1; i <= 50'000; ++i) seeds += "," + std::to_string(i);
  EXPECT_THAT(error_of("name: a\ndatasets: [films]\nmodels: [deep, wide]\noptimizers: [climb]\n"
                       "seeds: [" +
                       seeds + "]\n"),
              HasSubstr("at most 100000 are valid"));
}

std::string with_optimizers(const std::string& optimizers) {
  return "name: s\ndatasets: [films]\nmodels: [deep]\noptimizers: " + optimizers + "\n";
}

TEST(Plan, AnOptimizersEntryNamesItsBatchSchedule) {
  const auto runs = plan(with_optimizers(
      "[jump, {name: jump, boldly: true}, {name: jump, batch_schedule: {name: bold, width: 3}},"
      " {name: jump, boldly: false, rate: 0.1}]"));
  ASSERT_EQ(runs.size(), 4U);
  const auto schedule = [&](size_t i) { return runs[i].config.batch_schedule; };
  EXPECT_EQ(schedule(0), Json::parse(R"({"name": "steady", "width": 8, "rate": 0.5})"));
  EXPECT_EQ(schedule(1), Json::parse(R"({"name": "bold", "width": 8, "rate": 0.5})"));
  EXPECT_EQ(schedule(2), Json::parse(R"({"name": "bold", "width": 3, "rate": 0.5})"));
  EXPECT_EQ(schedule(3).at("name"), "steady");
  EXPECT_FALSE(runs[1].config.optimizer.contains("boldly"));
  EXPECT_EQ(runs[1].label,
            "films/deep/jump{batch_schedule=bold,batch_schedule.width=8,rate=0.5}/seed 1");
}

TEST(Plan, ResolvedSchedulesGiveTheSameRuns) {
  const std::string yaml = with_optimizers("[climb, {name: jump, boldly: true}]");
  const auto again = expand(read(resolved(read(yaml)).dump()));
  const auto runs = plan(yaml);
  ASSERT_EQ(again.size(), runs.size());
  for (size_t i = 0; i < runs.size(); ++i) EXPECT_EQ(again[i].run_id, runs[i].run_id);
}

TEST(Plan, RefusesSchedulesThatCannotBe) {
  EXPECT_THAT(error_of(with_optimizers("[{name: climb, boldly: true}]")),
              AllOf(HasSubstr("s.yaml:4:"), HasSubstr("bold needs an optimizer that reports slope"),
                    HasSubstr("climb does not"), HasSubstr("jump")));
  EXPECT_THAT(error_of(with_optimizers("[{name: jump, batch_schedule: bol}]")),
              AllOf(HasSubstr("bol"), HasSubstr("bold"), HasSubstr("steady")));
  EXPECT_THAT(error_of(with_optimizers("[{name: jump, boldly: true, batch_schedule: steady}]")),
              HasSubstr("second batch schedule"));
  EXPECT_THAT(error_of(with_optimizers("[{name: jump, boldly: 3}]")), HasSubstr("boldly"));
  EXPECT_THAT(error_of(with_optimizers("[{name: jump, batch_schedule: {name: bold, widht: 3}}]")),
              AllOf(HasSubstr("widht"), HasSubstr("width")));
}

// A ranker on "deep" that needs a scout.
std::string with_ranker(const std::string& ranker, const std::string& others = "") {
  return "name: n\ndatasets: [films]\nseeds: [1, 2]\nmodels:\n" + others + "  - " + ranker + "\n";
}

TEST(PlanNeeds, ANeededRunIsARunOfTheSweepBeforeItsUser) {
  const auto runs = plan(with_ranker("{name: deep, objective: pair}"));
  ASSERT_EQ(runs.size(), 4U);
  EXPECT_EQ(runs[0].label, "films/wide/climb/seed 1");
  EXPECT_EQ(runs[1].label, "films/deep/climb/seed 1");
  EXPECT_EQ(runs[2].label, "films/wide/climb/seed 2");
  EXPECT_THAT(runs[1].needs, testing::ElementsAre(runs[0].run_id));
  EXPECT_THAT(runs[3].needs, testing::ElementsAre(runs[2].run_id));
  EXPECT_TRUE(runs[0].needs.empty());
  EXPECT_EQ(runs[1].config.needs.at("scout"), runs[0].config.json());
  EXPECT_EQ(config_hash(runs[1].config.needs.at("scout")), runs[0].run_id);
  EXPECT_EQ(RunConfig::from_json(runs[1].config.json()).json(), runs[1].config.json());
}

TEST(PlanNeeds, ANeededRunThatTheGridHasTooExistsOnce) {
  const std::string ranker = "{name: deep, objective: pair}";
  const auto before = plan(with_ranker(ranker, "  - wide\n"));
  ASSERT_EQ(before.size(), 4U);
  EXPECT_EQ(before[0].label, "films/wide/climb/seed 1");
  EXPECT_THAT(before[2].needs, testing::ElementsAre(before[0].run_id));
  // Also when the grid names it behind its user.
  const auto behind =
      plan("name: n\ndatasets: [films]\nmodels: [{name: deep, objective: pair}, wide]\n");
  ASSERT_EQ(behind.size(), 2U);
  EXPECT_EQ(behind[0].label, "films/wide/climb/seed 1");
  // Its latency is the sweep's, so that it is that very run.
  EXPECT_EQ(plan(with_ranker(ranker, "  - wide\n") + "latency: {samples: 3}\n").size(), 4U);
}

TEST(PlanNeeds, WhatStandsOnOtherRunsIsAnotherRun) {
  const auto id = [](const std::string& ranker) { return plan(with_ranker(ranker)).back().run_id; };
  const std::string usual = id("{name: deep, objective: pair}");
  EXPECT_EQ(usual, id("{name: deep, objective: {name: pair, scout: {name: wide, width: 8}}}"));
  EXPECT_NE(usual, id("{name: deep, objective: {name: pair, scout: {name: wide, width: 9}}}"));
  EXPECT_NE(usual,
            id("{name: deep, objective: {name: pair, scout: {name: wide, optimizer: jump}}}"));
}

TEST(PlanNeeds, RunsThatNeedNothingKeepTheirIds) {
  RunConfig config = plan("name: a\ndatasets: [films]\nmodels: [deep]\n")[0].config;
  EXPECT_FALSE(config.json().contains("needs"));
}

TEST(PlanNeeds, ChainsAreOrderedAndDeduplicated) {
  const auto runs = plan(
      "name: n\ndatasets: [films]\nmodels:\n"
      "  - {name: deep, objective: {name: pair, scout: {name: deep, objective: pair}},"
      " start: {objective: {name: pair}}}\n");
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs[0].config.model["name"], "wide");
  EXPECT_THAT(runs[1].needs, testing::ElementsAre(runs[0].run_id));
  // The start and the scout are the same run, in two roles.
  EXPECT_THAT(runs[2].needs, testing::ElementsAre(runs[1].run_id));
  EXPECT_EQ(runs[2].config.needs.at("scout"), runs[2].config.needs.at("start"));
}

TEST(PlanNeeds, ResolvedSweepsGiveTheSameRuns) {
  const std::string yaml = with_ranker(
      "{name: deep, width: 3, optimizers: [{name: jump, boldly: true}], objective: {name: "
      "pair, scout: {name: wide, optimizer: {name: jump, rate: 0.1}, train: {epochs: 3}}}, "
      "start: {objective: guess}}");
  const auto runs = plan(yaml), again = expand(read(resolved(read(yaml)).dump()));
  ASSERT_EQ(runs.size(), 6U);
  ASSERT_EQ(again.size(), runs.size());
  for (size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(again[i].run_id, runs[i].run_id);
    EXPECT_EQ(again[i].label, runs[i].label);
  }
}

TEST(PlanNeeds, APriorityIsAlsoThatOfWhatIsNeededAndMakesNoOtherRun) {
  const std::string urgent = with_ranker("{name: deep, objective: pair, priority: 2}");
  const auto usual = plan(with_ranker("{name: deep, objective: pair}")), runs = plan(urgent);
  ASSERT_EQ(runs.size(), 4U);
  for (size_t i = 0; i < runs.size(); ++i) {
    EXPECT_EQ(runs[i].run_id, usual[i].run_id);
    EXPECT_EQ(runs[i].label, usual[i].label);
    EXPECT_EQ(runs[i].priority, 2);
    EXPECT_EQ(usual[i].priority, 0);
  }
  EXPECT_EQ(expand(read(resolved(read(urgent)).dump()))[3].priority, 2);
  EXPECT_THAT(error_of(with_ranker("{name: deep, objective: pair, priority: high}")),
              HasSubstr("priority"));
}

TEST(PlanNeeds, AModelsOwnOptimizersReplaceTheSweeps) {
  const auto runs = plan(
      "name: n\ndatasets: [films]\noptimizers: [climb, jump]\nmodels:\n"
      "  - wide\n  - {name: deep, optimizers: [{name: jump, rate: 0.1}]}\n");
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_EQ(runs[0].label, "films/wide/climb/seed 1");
  EXPECT_EQ(runs[1].label, "films/wide/jump{rate=0.5}/seed 1");
  EXPECT_EQ(runs[2].label, "films/deep/jump{rate=0.1}/seed 1");
  EXPECT_EQ(runs[2].config.optimizer["rate"], 0.1);
}

TEST(Plan, RanksPerGpuIsNoPartOfARun) {
  const std::string yaml = "name: a\ndatasets: [films]\nmodels: [deep]\n";
  EXPECT_EQ(read(yaml).ranks_per_gpu, 1);
  EXPECT_EQ(read(yaml + "ranks_per_gpu: 4\n").ranks_per_gpu, 4);
  EXPECT_EQ(resolved(read(yaml + "ranks_per_gpu: 4\n")).at("ranks_per_gpu"), 4);
  EXPECT_EQ(plan(yaml + "ranks_per_gpu: 4\n")[0].run_id, plan(yaml)[0].run_id);
}

}  // namespace
}  // namespace seqsweep
