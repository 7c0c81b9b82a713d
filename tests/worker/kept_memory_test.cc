#include "worker/kept_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace seqsweep {
namespace kept_memory_test {

constexpr size_t kMegabyte = 1 << 20;

size_t resident_mb() {
  size_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<size_t>(sysconf(_SC_PAGESIZE)) / kMegabyte;
}

// Takes memory, writes to all of it and frees it.
void use_mb(size_t megabytes) {
  char* const memory = static_cast<char*>(std::malloc(megabytes * kMegabyte));
  ASSERT_NE(memory, nullptr);
  for (size_t i = 0; i < megabytes * kMegabyte; i += 4096) {
    static_cast<volatile char*>(memory)[i] = 1;
  }
  std::free(memory);
}

TEST(KeptMemory, StaysUntilItsEnd) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "another allocator";
#endif
  const size_t before = resident_mb();
  {
    const KeptMemory kept;
    use_mb(200);
    EXPECT_GE(resident_mb(), before + 150);
    use_mb(200);
    EXPECT_LE(resident_mb(), before + 250);  // The same once more.
  }
  EXPECT_LE(resident_mb(), before + 50);
  use_mb(200);
  EXPECT_LE(resident_mb(), before + 50);
}

}  // namespace kept_memory_test
}  // namespace seqsweep
