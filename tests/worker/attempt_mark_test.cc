#include "worker/attempt_mark.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

TEST(AttemptMark, StandsUntilAnotherAttemptBegins) {
  const TemporaryFolder scratch;
  const auto folder = scratch.path() / "run";  // Made when missing.
  const AttemptMark first(folder, {"run", 1, 7});
  EXPECT_TRUE(first.stands());
  const AttemptMark second(folder, {"run", 2, 7});
  EXPECT_FALSE(first.stands());
  EXPECT_TRUE(second.stands());
  const AttemptMark of_the_next_start(folder, {"run", 2, 8});
  EXPECT_FALSE(second.stands());
}

TEST(AttemptMark, OneThatCannotBeReadStands) {
  const TemporaryFolder scratch;
  const AttemptMark mark(scratch.path(), {"run", 1, 7});
  std::filesystem::remove(scratch.path() / "attempt.txt");
  std::filesystem::create_directory(scratch.path() / "attempt.txt");
  EXPECT_TRUE(mark.stands());
  mark.remove();  // Whose it is, is not known.
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "attempt.txt"));
}

TEST(AttemptMark, NoMarkIsTheMarkOfOneThatIsDone) {
  const TemporaryFolder scratch;
  const AttemptMark first(scratch.path(), {"run", 1, 7});
  const AttemptMark second(scratch.path(), {"run", 2, 7});
  first.remove();  // Not its own any more.
  EXPECT_TRUE(second.stands());
  second.remove();
  EXPECT_FALSE(second.stands());
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

}  // namespace
}  // namespace seqsweep
