// docs/examples/own-model as its README says it: installed, found, built, and a run of its model.
#include <gmock/gmock.h>

#include "tests/support/command.h"

namespace seqsweep {
namespace own_model_test {

TEST(OwnModel, AProgramOutsideTheTreeHasIt) {
  const TestFolder folder("own_model");
  const std::string build = std::filesystem::path(SEQSWEEP_BIN_DIR).parent_path();
  const std::string example = SEQSWEEP_SOURCE_DIR "/docs/examples/own-model";
  const std::string program = folder.at("build/seqsweep");
  const std::vector<std::vector<std::string>> commands = {
      {"cmake", "--install", build, "--prefix", folder.at("prefix")},
      {"cmake", "-S", example, "-B", folder.at("build"),
       "-DCMAKE_PREFIX_PATH=" + folder.at("prefix")},
      {"cmake", "--build", folder.at("build")},
      {program, "train", "synthetic", "fading", "--db", folder.at("r.db"), "--data-dir",
       folder.at("data"), "dataset.users=60", "dataset.items=40", "model.fade=0.5",
       "train.epochs=2", "latency.samples=0"}};
  for (const auto& command : commands) {
    const CommandResult result = run_command(command);
    ASSERT_EQ(result.code, 0) << command[0] << "\n" << result.output;
  }
  EXPECT_THAT(run_command({program, "list", "models"}).output, ::testing::HasSubstr("fading"));
  const CommandResult rows =
      run_command({program, "query", folder.at("r.db"), "SELECT model, status FROM results"});
  EXPECT_THAT(rows.output, ::testing::HasSubstr("fading  done"));
}

}  // namespace own_model_test
}  // namespace seqsweep
