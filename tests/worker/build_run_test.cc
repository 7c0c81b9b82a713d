#include "worker/build_run.h"

#include <gtest/gtest.h>

#include "tests/worker/tiny_run.h"

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

TEST(BuildRun, CountsParametersWithAndWithoutEmbeddings) {
  const BuiltRun run = build_run(tiny_config(), {}, torch::kCPU);
  const ParameterCount count = count_parameters(*run.task);
  EXPECT_EQ(count.all, 12 * 12 + 12);
  EXPECT_EQ(count.no_embedding, 12);
}

}  // namespace
}  // namespace seqsweep
