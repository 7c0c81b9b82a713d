// The sweep files that come with the program say what they mean.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/command.h"

namespace seqsweep {
namespace sweep_files_test {

namespace fs = std::filesystem;

TEST(SweepFiles, EveryOneIsValid) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(SEQSWEEP_SOURCE_DIR "/experiments")) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    const CommandResult result =
        run_command({kSeqsweep, "plan", "--resolved", entry.path().string()});
    EXPECT_EQ(result.code, 0) << entry.path() << "\n" << result.output;
  }
  EXPECT_GE(files, 5);
}

}  // namespace sweep_files_test
}  // namespace seqsweep
