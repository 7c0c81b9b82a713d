#include "core/base/oom_kills.h"

#include <gtest/gtest.h>

#include "core/base/files.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

TEST(OomKills, AreCountedInTheGroupOfVersion2) {
  const TemporaryFolder root;
  const auto file = root.path() / "jobs/7/memory.events";
  write_file_atomic(file, "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\n");
  EXPECT_EQ(oom_kills_file("0::/jobs/7\n", root.path()), file);
  EXPECT_EQ(oom_kills_in(read_file(file)), 2);
}

TEST(OomKills, AreCountedInTheGroupOfVersion1) {
  const TemporaryFolder root;
  const auto file = root.path() / "memory/jobs/7/memory.oom_control";
  write_file_atomic(file, "oom_kill_disable 0\nunder_oom 0\noom_kill 41\n");
  EXPECT_EQ(oom_kills_file("5:cpu:/\n4:memory:/jobs/7\n0::/\n", root.path()), file);
  EXPECT_EQ(oom_kills_in(read_file(file)), 41);
}

TEST(OomKills, AContainerMayShowItsGroupAsTheRoot) {
  const TemporaryFolder root;
  write_file_atomic(root.path() / "memory.events", "oom_kill 0\n");
  EXPECT_EQ(oom_kills_file("0::/docker/7f\n", root.path()), root.path() / "memory.events");
}

TEST(OomKills, WithoutAGroupThereIsNoFile) {
  const TemporaryFolder root;
  EXPECT_EQ(oom_kills_file("0::/\n", root.path()), std::nullopt);
  EXPECT_EQ(oom_kills_file("", root.path()), std::nullopt);
  EXPECT_EQ(oom_kills_in("oom_kill_disable 1\n"), std::nullopt);
}

TEST(OomKills, OfThisProcessAreKnown) {
  EXPECT_GE(oom_kills().value(), 0);
}

}  // namespace
}  // namespace seqsweep
