#include "db/database_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <thread>

#include "core/base/clock.h"
#include "core/base/host.h"
#include "tests/db/support.h"

namespace seqsweep {
namespace {

using testing::HasSubstr;

TEST(DatabaseLock, ASecondCoordinatorIsRefusedAndTheFirstNamed) {
  const TemporaryFolder folder;
  const auto path = folder / "new" / "results.db";
  EXPECT_EQ(is_locked(path), false);
  std::optional<DatabaseLock> first(std::in_place, path, 0);
  EXPECT_EQ(is_locked(path), true);
  const Error error = error_of([&] { DatabaseLock(path, 0.05); });
  EXPECT_EQ(error.exit_code(), kExitBadInput);
  EXPECT_THAT(error.what(), HasSubstr(fmt::format("pid {} on host {}", getpid(), host_name())));
  first.reset();
  EXPECT_EQ(is_locked(path), false);
  DatabaseLock(path, 0);
}

TEST(DatabaseLock, WaitsForACoordinatorThatIsJustEnding) {
  const TemporaryFolder folder;
  const auto path = folder / "results.db";
  std::optional<DatabaseLock> first(std::in_place, path, 0);
  std::thread ending([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    first.reset();
  });
  const double start_s = monotonic_s();
  DatabaseLock(path, 10);
  EXPECT_GE(monotonic_s() - start_s, 0.09);
  ending.join();
}

TEST(DatabaseLock, APlaceThatCannotBeWrittenIsAnInputError) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "x";
  const auto path = folder / "file" / "results.db";
  const Error error = error_of([&] { DatabaseLock(path, 0); });
  EXPECT_EQ(error.exit_code(), kExitBadInput);
  EXPECT_THAT(error.what(), HasSubstr(path.string()));
  EXPECT_THAT(error.what(), HasSubstr("Not a directory"));
}

}  // namespace
}  // namespace seqsweep
