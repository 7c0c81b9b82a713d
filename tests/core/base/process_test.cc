#include "core/base/process.h"

#include <gmock/gmock.h>

#include <csignal>

#include "core/base/error.h"
#include "core/base/files.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

TEST(RunProgram, ReturnsTheExitCode) {
  EXPECT_EQ(run_program({"true"}), 0);
  EXPECT_EQ(run_program({"sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(run_program({"sh", "-c", "kill -TERM $$"}), 128 + SIGTERM);
}

TEST(RunProgram, ArgumentsArriveAsTheyAre) {
  const TemporaryFolder folder;
  const auto strange = folder.path() / "a b; $(x) 'y'";
  EXPECT_EQ(run_program({"touch", strange.string()}), 0);
  EXPECT_TRUE(std::filesystem::exists(strange));
}

TEST(RunProgram, AMissingProgramIsAWorldErrorThatNamesIt) {
  try {
    run_program({"no-such-program-anywhere"});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::World);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("no-such-program-anywhere"));
  }
}

TEST(RunProgram, InAFolderLeavesThereWhatItSays) {
  const TemporaryFolder folder;
  const std::vector<std::string> talk = {"sh", "-c", "cat; pwd; echo no >&2; exit 3"};
  EXPECT_EQ(run_program_in(folder.path(), talk), 3);
  EXPECT_EQ(read_file(folder / "output.txt"), folder.path().string() + "\nno\n");
  EXPECT_EQ(run_program_in(folder.path(), {"sh", "-c", "kill -TERM $$"}), 128 + SIGTERM);
  EXPECT_EQ(run_program_in(folder.path(), {"no-such-program-anywhere"}), std::nullopt);
}

}  // namespace
}  // namespace seqsweep
