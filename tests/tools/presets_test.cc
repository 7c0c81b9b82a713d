// Every preset that the pages name makes its build files, with or without MPI and CUDA.
#include <gtest/gtest.h>

#include "tests/support/command.h"

namespace seqsweep {
namespace presets_test {

class Presets : public ::testing::TestWithParam<const char*> {};

TEST_P(Presets, Configures) {
  const std::string preset = GetParam();
  if (preset == "fuzz" && run_command({"clang++", "--version"}).code != 0) {
    GTEST_SKIP() << "no clang++";
  }
  const TestFolder folder("preset_" + preset);
  const CommandResult result = run_command(
      {"cmake", "-S", SEQSWEEP_SOURCE_DIR, "--preset", preset, "-B", folder.at("build")});
  EXPECT_EQ(result.code, 0) << result.output;
}

INSTANTIATE_TEST_SUITE_P(Presets, Presets,
                         ::testing::Values("release", "dev", "asan", "tsan", "fuzz"));

}  // namespace presets_test
}  // namespace seqsweep
