#include "worker/model_file.h"

#include <gtest/gtest.h>

#include "core/base/files.h"
#include "tests/support/temporary_folder.h"
#include "tests/worker/tiny_run.h"

namespace seqsweep {
namespace {

class ModelFileTest : public testing::Test {
 protected:
  std::string refusal() {
    try {
      load_model(scratch_.path(), {}, torch::kCPU);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::Input);
      return error.what();
    }
    return "no error";
  }
  std::string path(const char* name) { return (scratch_.path() / name).string(); }
  void save(const RunConfig& config) {
    save_model(scratch_.path(), config, *build_run(config, {}, torch::kCPU).task);
  }

  TemporaryFolder scratch_;
};

TEST_F(ModelFileTest, GivesBackTheTrainedParameters) {
  const BuiltRun run = build_run(tiny_config(), {}, torch::kCPU);
  const torch::Tensor table = run.task->module().named_parameters()["table"].detach();
  table.fill_(0.25);
  save_model(scratch_.path(), tiny_config(), *run.task);
  const LoadedModel loaded = load_model(scratch_.path(), {}, torch::kCPU);
  EXPECT_EQ(loaded.config.json(), tiny_config().json());
  EXPECT_TRUE(torch::equal(loaded.run.task->module().named_parameters()["table"], table));
  EXPECT_FALSE(loaded.run.task->module().is_training());
}

TEST_F(ModelFileTest, BuffersArePartOfTheModel) {
  RunConfig config = tiny_config();
  config.model = {{"name", "popularity"}};
  config.objective = {{"name", "fit"}};
  const BuiltRun run = build_run(config, {}, torch::kCPU);
  run.task->module().buffers()[0].fill_(7);  // Unlike what a new fit gives.
  save_model(scratch_.path(), config, *run.task);
  const LoadedModel loaded = load_model(scratch_.path(), {}, torch::kCPU);
  EXPECT_EQ(loaded.run.task->module().buffers()[0][0].item<float>(), 7);
}

TEST_F(ModelFileTest, AMissingModelIsNamed) {
  EXPECT_NE(refusal().find(path("model.json")), std::string::npos) << refusal();
}

TEST_F(ModelFileTest, DamageIsFound) {
  save(tiny_config());
  const std::string config = read_file(path("model.json"));
  std::string tensors = read_file(path("model.safetensors"));
  write_file_atomic(path("model.json"), config.substr(0, config.size() / 2));
  EXPECT_NE(refusal().find("model.json"), std::string::npos) << refusal();
  write_file_atomic(path("model.json"), config);
  tensors.back() ^= 1;
  write_file_atomic(path("model.safetensors"), tensors);
  EXPECT_NE(refusal().find("model.safetensors"), std::string::npos) << refusal();
}

TEST_F(ModelFileTest, DataOfAnotherSizeIsRefused) {
  save(tiny_config());
  Json json = Json::parse(read_file(path("model.json")));
  json["config"]["dataset"]["items"] = 9;
  write_file_atomic(path("model.json"), json.dump());
  EXPECT_NE(refusal().find("table"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace seqsweep
