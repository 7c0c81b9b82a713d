#include "coordinator/progress.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace seqsweep {
namespace {

using ::testing::HasSubstr;

Attempt attempt(const std::string& label, double fraction, double seconds_left) {
  return {.label = label,
          .members = {1},
          .started_ms = 0,
          .renewed_ms = 10'000,
          .last = {.epoch = 3,
                   .epochs = 20,
                   .fraction = fraction,
                   .seconds_left = seconds_left,
                   .phase = "train"}};
}

TEST(SecondsLeft, NothingIsKnownAtFirst) {
  const Attempt fresh = attempt("a", 0, 0);
  EXPECT_EQ(seconds_left({&fresh}, {.runs = 1, .seconds = {}}, 1, 10'000), std::nullopt);
}

TEST(SecondsLeft, WaitingRunsAreSharedAmongWorkers) {
  const Attempt a = attempt("a", 0.5, 10), b = attempt("b", 0.5, 10);
  // 10 s each are left of two, and six runs of 20 s wait: (20 + 120) / 2.
  EXPECT_DOUBLE_EQ(*seconds_left({&a, &b}, {.runs = 6, .seconds = {}}, 2, 10'000), 70);
  EXPECT_DOUBLE_EQ(*seconds_left({&a, &b}, {.runs = 2, .seconds = 10}, 2, 10'000), 15);
}

TEST(SecondsLeft, TheLongestRunIsWaitedFor) {
  const Attempt a = attempt("a", 0.5, 100), b = attempt("b", 0.9, 1);
  EXPECT_DOUBLE_EQ(*seconds_left({&a, &b}, {}, 4, 10'000), 100);
  EXPECT_DOUBLE_EQ(*seconds_left({&a, &b}, {}, 4, 40'000), 70);  // 30 s after its last word.
}

TEST(StatusLine, TellsTheSweepAndTheRunNearestToItsEnd) {
  const Attempt a = attempt("films/deep/climb/seed 1", 0.25, 10);
  const Attempt b = attempt("films/wide/climb/seed 1", 0.75, 10);
  const SweepState state{
      .total = 10, .done = 3, .failed = 1, .running = {&a, &b}, .seconds_left = 130};
  EXPECT_EQ(status_line(state, 200),
            "[==========>         ] 3/10 done, 1 failed, 2 running  films/wide/climb/seed 1: epoch "
            "4/20 | 2 min 10 s left");
  const std::string narrow = status_line(state, 72);
  EXPECT_LE(narrow.size(), 72U);
  EXPECT_THAT(narrow, HasSubstr("2 min 10 s left"));
  EXPECT_EQ(status_line(state, 10), "[=========");
}

TEST(StatusLine, AnEmptySweepIsDone) {
  EXPECT_EQ(status_line({.note = "draining"}, 80),
            "[====================] 0/0 done, 0 running, draining");
}

TEST(MetricsText, ShowsOneSplit) {
  EXPECT_EQ(metrics_text({{1, "test", "ndcg@10", 0.08125},
                          {1, "validation", "ndcg@10", 0.5},
                          {1, "test", "hit@10", 0.25}},
                         "test"),
            "ndcg@10 0.0813, hit@10 0.2500");
}

TEST(ProgressView, OfSeveralEpochsAtOnceTheLastIsTold) {
  ::testing::internal::CaptureStderr();
  ProgressView view(0);
  view.told(attempt("a", 0.5, 10),
            {.epoch = 3,
             .epochs = 20,
             .metrics = {{.epoch = 1, .split = "validation", .name = "ndcg@10", .value = 0.1},
                         {.epoch = 2, .split = "validation", .name = "ndcg@10", .value = 0.2},
                         {.epoch = 3, .split = "train", .name = "loss", .value = 4}}},
            1000);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("a: epoch 2/20, validation ndcg@10 0.2000\n"));
}

TEST(ProgressView, TellsALogFileNowAndThen) {
  ::testing::internal::CaptureStderr();
  const Attempt a = attempt("a", 0.5, 10);
  ProgressView view(0);
  for (int64_t now_ms = 1000; now_ms < 65'000; now_ms += 500) {
    if (view.due(now_ms)) {
      view.show({.total = 12, .done = 3, .running = {&a}, .seconds_left = 20, .note = {}});
    }
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(log, '\n'), 2) << log;
  EXPECT_THAT(log, HasSubstr("3/12 done, 1 running | 20 s left"));
}

}  // namespace
}  // namespace seqsweep
