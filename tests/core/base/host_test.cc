#include "core/base/host.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace seqsweep {
namespace {

TEST(Host, HasANameAndMemory) {
  EXPECT_FALSE(host_name().empty());
  EXPECT_GT(host_memory_bytes(), 100'000'000);
}

class HostMemory : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  TemporaryFolder root_;
};

TEST_F(HostMemory, IsTheMachinesOrTheTightestLimitAboveTheProcess) {
  EXPECT_EQ(host_memory_bytes(root_.path()), 0);
  write("proc/meminfo", "MemTotal:        4000 kB\nMemFree: 1 kB\n");
  EXPECT_EQ(host_memory_bytes(root_.path()), 4'096'000);
  write("proc/self/cgroup", "12:memory:/old\n0::/job/step\n");
  write("sys/fs/cgroup/job/step/memory.max", "max\n");
  EXPECT_EQ(host_memory_bytes(root_.path()), 4'096'000);
  write("sys/fs/cgroup/job/memory.max", "3000000\n");
  EXPECT_EQ(host_memory_bytes(root_.path()), 3'000'000);
  write("sys/fs/cgroup/memory.max", "2000000\n");
  EXPECT_EQ(host_memory_bytes(root_.path()), 2'000'000);
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000\n");
  EXPECT_EQ(host_memory_bytes(root_.path()), 1'000'000);
}

}  // namespace
}  // namespace seqsweep
