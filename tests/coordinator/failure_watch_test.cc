#include "coordinator/failure_watch.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

FailureWatch::Failure of_world(const std::string& text) {
  return {.cause = "world", .text = text, .model = "deep", .one_kind = true, .of_the_world = true};
}
FailureWatch::Failure of_run(const std::string& model, const std::string& text) {
  return {.cause = "error", .text = text, .model = model};
}

TEST(FailureWatch, SixWorldFaultsAmongTwentyRaiseTheAlarm) {
  FailureWatch watch;
  for (int i = 0; i < 5; ++i) {
    watch.note_failure(of_world("no space on " + std::to_string(i)));
    watch.note_success();
    watch.note_success();
  }
  EXPECT_FALSE(watch.alarm());
  watch.note_failure(of_world("no space"));
  ASSERT_TRUE(watch.alarm());
  EXPECT_THAT(*watch.alarm(), HasSubstr("6 of the last 16 attempts ended alike (world: no space)"));
}

TEST(FailureWatch, RareFaultsDoNot) {
  FailureWatch watch;
  for (int i = 0; i < 100; ++i) {
    watch.note_failure(of_world("a rank died"));
    for (int good = 0; good < 4; ++good) watch.note_success();
  }
  EXPECT_FALSE(watch.alarm());
}

TEST(FailureWatch, OneBrokenModelFailsAlone) {
  FailureWatch watch;
  for (int i = 0; i < 50; ++i) watch.note_failure(of_run("deep", "wrong"));
  EXPECT_FALSE(watch.alarm());
}

FailureWatch::Failure crash_of(const std::string& model, int64_t step) {
  return {.cause = "crash",
          .text = "died after step " + std::to_string(step),
          .model = model,
          .one_kind = true};
}

TEST(FailureWatch, CrashesAreAlikeWhereverTheyHappenButNotOfOneModelAlone) {
  FailureWatch watch;
  for (int i = 0; i < 50; ++i) watch.note_failure(crash_of("deep", i));
  EXPECT_FALSE(watch.alarm());
  watch.note_failure(crash_of("wide", 1));
  EXPECT_FALSE(watch.alarm());
  watch.note_failure(crash_of("flat", 1));
  EXPECT_TRUE(watch.alarm());
}

TEST(FailureWatch, TheSameErrorInSeveralModelsDoesNotComeFromThem) {
  FailureWatch watch;
  for (int i = 0; i < 5; ++i)
    watch.note_failure(of_run("model" + std::to_string(i % 3), "no CUDA"));
  watch.note_failure(of_run("model0", "something else"));
  EXPECT_FALSE(watch.alarm());
  watch.note_failure(of_run("model0", "no CUDA"));
  EXPECT_TRUE(watch.alarm());
}

}  // namespace
}  // namespace seqsweep
