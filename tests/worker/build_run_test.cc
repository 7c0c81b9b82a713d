#include "worker/build_run.h"

#include <gmock/gmock.h>

#include <numeric>

#include "tests/support/fixed_order_task.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_dataset.h"
#include "tests/worker/tiny_run.h"
#include "worker/model_file.h"

namespace seqsweep {
namespace {

torch::Tensor table_of(const RunConfig& config) {
  const BuiltRun run = build_run(config, {}, torch::kCPU);
  return run.task->module().named_parameters()["table"].detach().clone();
}

TEST(BuildRun, TheSeedDecidesTheParameters) {
  RunConfig config = tiny_config();
  const torch::Tensor table = table_of(config);
  torch::randn({3});  // Whatever was drawn before does not matter.
  EXPECT_TRUE(torch::equal(table_of(config), table));
  config.seed = 2;
  EXPECT_FALSE(torch::equal(table_of(config), table));
}

TEST(BuildRun, SettingsReachTheirComponents) {
  RunConfig config = tiny_config();
  config.dataset["items"] = 9;
  EXPECT_EQ(table_of(config).size(0), 9);
  config.dataset["item"] = 9;
  EXPECT_THROW(table_of(config), Error);
}

TEST(BuildRun, AnEmptyDataSetIsAnInputError) {
  RunConfig config = tiny_config();
  config.dataset["users"] = 0;
  try {
    table_of(config);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::Input);
    EXPECT_NE(std::string(error.what()).find("tiny"), std::string::npos) << error.what();
  }
}

// A run that needs a trained one, whose table is `value`, in a folder of runs.
class BuildRunNeeds : public ::testing::Test {
 protected:
  void train(const RunConfig& config, double value) {
    const BuiltRun run = build_run(config, {}, torch::kCPU);
    const torch::NoGradGuard no_grad;
    run.task->module().named_parameters()["table"].fill_(value);
    save_model(runs_ / config_hash(config.json()), config, *run.task);
  }
  std::string refusal(const RunConfig& config) {
    try {
      build(config);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::Input);
      return error.what();
    }
    return "no error";
  }
  BuiltRun build(const RunConfig& config) {
    return build_run(config, {.data_dir = {}, .runs_folder = runs_.path()}, torch::kCPU);
  }
  static torch::Tensor table(Task& task) { return task.module().named_parameters()["table"]; }
  static RunConfig pupil(const RunConfig& teacher) {
    RunConfig config = tiny_config();
    config.objective = {{"name", "pupil_task"}};
    config.needs["teacher"] = teacher.json();
    return config;
  }

  TemporaryFolder runs_;
};

TEST_F(BuildRunNeeds, ANeededRunComesTrainedAndOutlivesEverything) {
  const RunConfig teacher = tiny_config(), config = pupil(teacher);
  train(teacher, 0.25);
  std::unique_ptr<Task> task = build(config).task;  // The rest is gone.
  Task& given = dynamic_cast<PupilTask&>(*task).teacher();
  EXPECT_TRUE(torch::all(table(given) == 0.25).item<bool>());
  EXPECT_FALSE(given.module().is_training());
  const std::vector<int64_t> users = {0, 1, 2};
  EXPECT_EQ(task->target_ranks(users, Split::Test), given.target_ranks(users, Split::Test));
  // What it needs changes nothing in the run itself.
  const BuiltRun alone = build_run(tiny_config(), {}, torch::kCPU);
  EXPECT_TRUE(torch::equal(table(*task), table(*alone.task)));
}

TEST_F(BuildRunNeeds, ChainsAreFollowed) {
  const RunConfig teacher = tiny_config(), middle = pupil(teacher);
  train(teacher, 0.25);
  const BuiltRun built = build(middle);
  save_model(runs_ / config_hash(middle.json()), middle, *built.task);
  EXPECT_NO_THROW(build(pupil(middle)));
}

TEST_F(BuildRunNeeds, AMissingOneIsNamedWithItsPlace) {
  const RunConfig teacher = tiny_config();
  EXPECT_THAT(refusal(pupil(teacher)),
              AllOf(testing::HasSubstr("needs a trained last_item as its teacher"),
                    testing::HasSubstr((runs_ / config_hash(teacher.json())).string())));
}

TEST_F(BuildRunNeeds, WithoutAFolderOfRunsTheyAreBuiltUntrained) {
  const RunConfig config = pupil(tiny_config());
  const BuiltRun run = build_run(config, {}, torch::kCPU);
  EXPECT_EQ(count_parameters(*run.task).all, 12 * 12 + 12);
}

TEST_F(BuildRunNeeds, AStartGivesTheInitialParameters) {
  const RunConfig start = tiny_config();
  train(start, 0.5);
  RunConfig config = tiny_config();
  config.seed = 2;
  config.needs[kStartRole] = start.json();
  const BuiltRun run = build(config);
  EXPECT_TRUE(torch::all(table(*run.task) == 0.5).item<bool>());
  EXPECT_TRUE(table(*run.task).requires_grad());
}

TEST_F(BuildRunNeeds, AStartOfAnotherShapeIsRefusedWithBothShapes) {
  const RunConfig start = tiny_config();
  train(start, 0.5);
  RunConfig config = tiny_config();
  config.dataset["items"] = 9;
  config.needs[kStartRole] = start.json();
  EXPECT_THAT(refusal(config), AllOf(testing::HasSubstr("'table'"), testing::HasSubstr("[12, 12]"),
                                     testing::HasSubstr("[9, 9]")));
}

TEST_F(BuildRunNeeds, ATrainedModelFindsItsNeighboursAndNeedsNoStart) {
  const RunConfig teacher = tiny_config();
  train(teacher, 0.25);
  RunConfig config = pupil(teacher);
  config.needs[kStartRole] = teacher.json();
  const BuiltRun run = build(config);
  const std::filesystem::path folder = runs_ / config_hash(config.json());
  save_model(folder, config, *run.task);
  for (const std::string& path : {folder.string(), folder.string() + "/"}) {
    LoadedModel loaded = load_model(path, {}, torch::kCPU);
    EXPECT_EQ(loaded.config.json(), config.json());
    Task& given = dynamic_cast<PupilTask&>(*loaded.run.task).teacher();
    EXPECT_TRUE(torch::all(table(given) == 0.25).item<bool>());
  }
  RunConfig started = tiny_config();  // Its start is gone, and no longer needed.
  RunConfig gone = tiny_config();
  gone.seed = 9;
  started.needs[kStartRole] = gone.json();
  save_model(runs_ / config_hash(started.json()), started,
             *build_run(tiny_config(), {}, torch::kCPU).task);
  EXPECT_NO_THROW(load_model(runs_ / config_hash(started.json()), {}, torch::kCPU));
}

TEST(BuildRun, CountsParametersWithAndWithoutEmbeddings) {
  const BuiltRun run = build_run(tiny_config(), {}, torch::kCPU);
  const ParameterCount count = count_parameters(*run.task);
  EXPECT_EQ(count.all, 12 * 12 + 12);
  EXPECT_EQ(count.no_embedding, 12);
  EXPECT_EQ(count.trained, count.all);
  EXPECT_EQ(count.fixed_bytes, 0);
}

TEST(BuildRun, WhatIsNotTrainedCountsAsItLiesInMemory) {
  const BuiltRun run = build_run(tiny_config(), {}, torch::kCPU);
  run.task->module().named_parameters()["table"].set_requires_grad(false);
  run.task->module().register_buffer("few_bits", torch::zeros({10}, torch::kByte));
  const ParameterCount count = count_parameters(*run.task);
  EXPECT_EQ(count.all, 12 * 12 + 12);
  EXPECT_EQ(count.trained, 12);
  EXPECT_EQ(count.fixed_bytes, 12 * 12 * 4 + 10);
}

TEST(BuildRun, PlansTheStepsOfAllEpochs) {
  RunConfig config = tiny_config();
  const BuiltRun run = build_run(config, {}, torch::kCPU);
  const int64_t examples = run.task->begin_epoch(0);
  ASSERT_GT(examples, 7);
  config.train.batch_size = 3;
  config.train.microbatches = 2;
  config.train.epochs = 5;
  const int64_t microbatches = (examples + 2) / 3;
  EXPECT_EQ(planned_steps(config, *run.task), 5 * ((microbatches + 1) / 2));
  config.batch_schedule = {{"name", "adaptive"}};
  EXPECT_EQ(planned_steps(config, *run.task), std::nullopt);
}

TEST(BuildRun, PlansTheStepsOfEpochsThatDiffer) {
  struct Growing : FixedOrderTask {
    using FixedOrderTask::FixedOrderTask;
    int64_t begin_epoch(int64_t epoch) override { return 3 + epoch; }
  };
  const TinyDataset data({{0, 1, 2}}, 3, 50);
  Growing task(data);
  RunConfig config = tiny_config();
  config.train.batch_size = 1;
  config.train.microbatches = 2;
  config.train.epochs = 3;
  EXPECT_EQ(planned_steps(config, task), 2 + 2 + 3);
}

}  // namespace
}  // namespace seqsweep
