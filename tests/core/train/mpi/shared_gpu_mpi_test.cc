// Two ranks that share a GPU, as on a machine that has one: their sums go through host memory.
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <vector>

#include "core/comm/mpi_world.h"
#include "tests/core/comm/mpi_test_world.h"
#include "tests/support/temporary_folder.h"
#include "worker/execute.h"

namespace seqsweep {
namespace {

constexpr int kSharing = 2;

class Losses : public Reporter {
 public:
  void progress(Progress progress) override {
    for (const StepRow& row : progress.steps) all.push_back(row.loss);
  }
  bool stop_requested() override { return false; }
  std::vector<double> all;
};

RunConfig small_run(const std::string& model, DeviceChoice device) {
  RunConfig config;
  config.dataset = {{"name", "synthetic"}, {"users", 150}, {"items", 80}};
  config.model = {{"name", model}};
  config.objective = {{"name", "next_item"}};
  config.optimizer = {{"name", "adam"}, {"lr", 0.001}};
  config.batch_schedule = {{"name", "constant"}};
  config.train.batch_size = 16;
  config.train.microbatches = 4;
  config.train.epochs = 3;
  config.train.log_every = 1;
  config.train.threads = 1;
  config.train.device = device;
  config.latency.samples = 2;
  config.latency.users = 8;
  config.latency.warm_up = 1;
  return config;
}

// What the ranks that share the GPU do.
void compare_with_a_cpu() {
  const auto group = make_mpi_group(test_world(), {0, 1}, 22);
  const TemporaryFolder scratch;  // Each rank has its own: the first one's checkpoints count.
  for (const std::string model : {"sasrec", "hydra4rec"}) {
    Losses alone, together;
    const auto local = make_local_group();
    const auto expected = execute(
        small_run(model, DeviceChoice::Cpu),
        {.folder = scratch.path() / (model + "-cpu"), .data_dir = scratch.path(), .group = *local},
        alone);
    const auto result = execute(
        small_run(model, DeviceChoice::Cuda),
        {.folder = scratch.path() / (model + "-gpu"), .data_dir = scratch.path(), .group = *group},
        together);
    ASSERT_TRUE(expected && result);
    EXPECT_TRUE(result->device.starts_with("cuda:")) << result->device;
    EXPECT_EQ(result->steps, expected->steps);
    EXPECT_EQ(result->latency.size(), 2U);
    ASSERT_EQ(together.all.size(), alone.all.size());
    ASSERT_FALSE(alone.all.empty());
    for (size_t i = 0; i < alone.all.size(); ++i) {
      EXPECT_NEAR(together.all[i], alone.all[i], 2e-3 * alone.all[i])
          << model << ", step " << i + 1 << ", rank " << group->rank();
    }
  }
}

TEST(SharedGpu, TwoRanksTrainAsOneDoesOnACpu) {
  const auto world = make_mpi_group(test_world(), {0, 1, 2, 3}, 21);
  if (world->any(!torch::cuda::is_available())) GTEST_SKIP() << "needs a usable GPU";
  if (test_world().rank() < kSharing) compare_with_a_cpu();
  world->any(false);  // Those that had no part wait for the others.
}

}  // namespace
}  // namespace seqsweep
