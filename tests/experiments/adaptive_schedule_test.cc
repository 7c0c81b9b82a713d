#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/train/batch_schedule.h"

namespace seqsweep {
namespace {

constexpr BatchScheduleContext kAdaptiveContext{.batch_size = 16, .microbatches = 1};
constexpr TrainPosition kAdaptivePosition{.microbatches = 10'000};

std::unique_ptr<BatchSchedule> adaptive(Json settings = Json::object()) {
  settings["name"] = "adaptive";
  return batch_schedules().make(settings, kAdaptiveContext);
}

// Steps whose beta-hat is exactly c1 + c2 / sqrt(B), B the mean of this step's and the last one's.
struct Curve {
  double c1 = 0, c2 = 0;
  double batch_before = 0;
  std::vector<int64_t> take(BatchSchedule& schedule, int steps) {
    std::vector<int64_t> counts;
    for (int i = 0; i < steps; ++i) {
      counts.push_back(schedule.microbatches(kAdaptivePosition));
      const double batch = 16.0 * counts.back();
      StepReport report{.r = 2};
      if (batch_before > 0) {
        report.beta = c1 + c2 / std::sqrt(2 / (1 / batch + 1 / batch_before));
      }
      batch_before = batch;
      schedule.observe(report, static_cast<int64_t>(batch));
    }
    return counts;
  }
};

TEST(AdaptiveSchedule, GrowsToThePlateauAndStays) {
  const auto schedule = adaptive();
  EXPECT_TRUE(schedule->observes());
  Curve curve{.c1 = 0.2, .c2 = 4};  // Equal at sqrt(B) = 20: B = 400, 25 microbatches.
  const std::vector<int64_t> counts = curve.take(*schedule, 60);
  EXPECT_EQ(counts[0], 1);
  EXPECT_EQ(counts[1], 1);  // The first step has no beta-hat.
  EXPECT_EQ(counts[2], 2);
  EXPECT_EQ(counts[20], 20);
  EXPECT_EQ(counts.back(), 25);
  const ScheduleReport fit = schedule->report();
  EXPECT_NEAR(fit.c1, 0.2, 1e-9);
  EXPECT_NEAR(fit.c2, 4, 1e-9);
}

TEST(AdaptiveSchedule, IsLoweredAtAnEpochsEndAndGrowsAgain) {
  for (const double shrink : {2.0, 5.0}) {
    const auto schedule = adaptive({{"shrink", shrink}});
    Curve curve{.c1 = 0.2, .c2 = 4};
    curve.take(*schedule, 60);
    schedule->end_epoch();
    const std::vector<int64_t> counts = curve.take(*schedule, 60);
    EXPECT_EQ(counts.front(), static_cast<int64_t>(25 / shrink));
    EXPECT_EQ(counts.back(), 25);
  }
}

// What is divided is the batch that was used, whatever growth was to come, also after a resume.
TEST(AdaptiveSchedule, IsLoweredFromItsCap) {
  const auto schedule = adaptive({{"max_batch", 8 * 16}, {"growth", 10}, {"shrink", 2}});
  Curve flat{.c1 = -0.1, .c2 = 4};
  EXPECT_EQ(flat.take(*schedule, 9).back(), 8);
  const auto resumed = adaptive({{"max_batch", 8 * 16}, {"growth", 10}, {"shrink", 2}});
  resumed->restore(Json::parse(schedule->state().dump()));
  for (BatchSchedule* one : {schedule.get(), resumed.get()}) {
    one->end_epoch();
    EXPECT_EQ(one->microbatches(kAdaptivePosition), 4);
  }
}

TEST(AdaptiveSchedule, NoFitGrowsNoNoiseStaysNoCurvatureGrows) {
  const auto first = adaptive();
  EXPECT_TRUE(std::isnan(first->report().c1));
  Curve noiseless{.c1 = 0.2, .c2 = -1};
  EXPECT_EQ(noiseless.take(*first, 40).back(), 2);  // As soon as two sizes were seen.
  const auto second = adaptive();
  Curve flat{.c1 = -0.1, .c2 = 4};
  EXPECT_EQ(flat.take(*second, 40).back(), 39);
  const auto third = adaptive();
  for (int i = 0; i < 20; ++i) third->observe({.r = 0, .beta = NAN}, 16);  // Never a crash.
  EXPECT_EQ(third->microbatches(kAdaptivePosition), 1);
}

TEST(AdaptiveSchedule, KeepsWithinItsLimits) {
  const auto by_batch = adaptive({{"max_batch", 100}});
  Curve flat{.c1 = -0.1, .c2 = 4};
  EXPECT_EQ(flat.take(*by_batch, 40).back(), 6);
  const auto by_steps = adaptive({{"min_steps_per_epoch", 2000}});
  Curve again{.c1 = -0.1, .c2 = 4};
  EXPECT_EQ(again.take(*by_steps, 40).back(), 5);
}

TEST(AdaptiveSchedule, OneFlatFitAmongManyIsNoPlateauWhenItIsToBeConfirmed) {
  for (const int64_t confirm : {1, 3}) {
    const auto schedule = adaptive({{"confirm", confirm}, {"alpha", 0}});
    Curve noiseless{.c1 = 0.2, .c2 = -1};
    const std::vector<int64_t> counts = noiseless.take(*schedule, 40);
    EXPECT_EQ(counts.back(), 1 + confirm);
  }
}

TEST(AdaptiveSchedule, GrowthIsASetting) {
  const auto schedule = adaptive({{"growth", 3}});
  Curve curve{.c1 = -0.1, .c2 = 4};
  EXPECT_THAT(curve.take(*schedule, 4), testing::ElementsAre(1, 1, 4, 7));
}

TEST(AdaptiveSchedule, HistoryOfTheEpochForgetsTheOnesBefore) {
  const auto all = adaptive(), epoch = adaptive({{"history", "epoch"}});
  for (BatchSchedule* schedule : {all.get(), epoch.get()}) {
    Curve curve{.c1 = 0.2, .c2 = 4};
    curve.take(*schedule, 10);
    schedule->end_epoch();
  }
  EXPECT_FALSE(std::isnan(all->report().c1));
  EXPECT_TRUE(std::isnan(epoch->report().c1));
}

TEST(AdaptiveSchedule, FitsWhatDoesNotShrinkWithTheSteps) {
  const auto by_r = adaptive({{"fit", "beta_over_r"}});
  Curve curve{.c1 = 0.2, .c2 = 4};
  curve.take(*by_r, 10);
  EXPECT_NEAR(by_r->report().c2, 2, 1e-9);  // r is 2.
  const auto by_r2 = adaptive({{"fit", "beta_over_r2"}});
  Curve inverse{.c1 = 0.2, .c2 = 4};
  inverse.take(*by_r2, 10);
  EXPECT_GT(by_r2->report().c2, 2);  // Against 1 / B, not its root.
}

TEST(AdaptiveSchedule, RestoredItDecidesTheSame) {
  const auto schedule = adaptive();
  Curve curve{.c1 = 0.2, .c2 = 4};
  curve.take(*schedule, 12);
  const auto again = adaptive();
  again->restore(Json::parse(schedule->state().dump()));
  Curve twin = curve;
  EXPECT_EQ(twin.take(*again, 40), curve.take(*schedule, 40));
  EXPECT_EQ(again->report().c1, schedule->report().c1);
}

TEST(AdaptiveSchedule, RefusesSettingsThatMakeNoSense) {
  for (const Json& wrong :
       {Json{{"alpha", 1}}, Json{{"growth", 0}}, Json{{"shrink", 0.5}}, Json{{"history", "none"}},
        Json{{"max_batch", 0}}, Json{{"max_batch", 15}}}) {
    EXPECT_THROW(adaptive(wrong), Error) << wrong;
  }
}

}  // namespace
}  // namespace seqsweep
