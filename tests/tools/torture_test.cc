// The short form of tools/torture.py: a few faults on a small sweep. The long one is run by hand.
#include <gtest/gtest.h>

#include "tests/support/command.h"

namespace seqsweep {
namespace torture_test {

class Torture : public testing::TestWithParam<const char*> {};

TEST_P(Torture, EndsLikeAnUndisturbedSweep) {
  if (run_command({"mpirun", "--version"}).code != 0) GTEST_SKIP() << "no mpirun on PATH";
  if (run_command({"python3", "--version"}).code != 0) GTEST_SKIP() << "no python3 on PATH";
  const CommandResult result = run_command(
      {"python3", std::string(SEQSWEEP_SOURCE_DIR) + "/tools/torture.py", "--seed", GetParam(),
       "--faults", "5", "--ranks", "4", "--epochs", "30", "--pause", "1", "--seqsweep", kSeqsweep});
  EXPECT_EQ(result.code, 0) << result.output;
}

INSTANTIATE_TEST_SUITE_P(Seeds, Torture, testing::Values("1", "2", "3", "4", "5"));

}  // namespace torture_test
}  // namespace seqsweep
