#include "worker/hang_watch.h"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "core/base/files.h"
#include "tests/support/temporary_folder.h"

namespace seqsweep {

// Not in an anonymous namespace: a stack names what a program exports.
[[gnu::noinline]] bool stand_still_until(const std::filesystem::path& file) {
  for (int i = 0; i < 2000 && !std::filesystem::exists(file); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return std::filesystem::exists(file);
}

namespace {

TEST(HangWatch, TellsWhereAThreadStands) {
  const TemporaryFolder scratch;
  const auto file = scratch.path() / "stack.txt";
  const HangWatch watch(file, 0.05);
  ASSERT_TRUE(stand_still_until(file));
  const std::string stack = read_file(file);
  EXPECT_THAT(stack, testing::HasSubstr("seqsweep::stand_still_until +"));
  EXPECT_THAT(stack, testing::Not(testing::HasSubstr("take_stack")));
}

TEST(HangWatch, TellsAgainAfterTheThreadGotOn) {
  const TemporaryFolder scratch;
  const auto file = scratch.path() / "stack.txt";
  HangWatch watch(file, 0.05);
  ASSERT_TRUE(stand_still_until(file));
  std::filesystem::remove(file);
  watch.got_on();
  EXPECT_TRUE(stand_still_until(file));
}

TEST(HangWatch, SaysNothingOfAThreadThatGetsOn) {
  const TemporaryFolder scratch;
  const auto file = scratch.path() / "stack.txt";
  write_file_atomic(file, "of an earlier attempt");
  HangWatch watch(file, 2);
  for (int i = 0; i < 40; ++i) {
    watch.got_on();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_FALSE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace seqsweep
