#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/train/batch_schedule.h"

namespace seqsweep {
namespace {

constexpr TrainPosition kNoisePosition{.microbatches = 10'000};

std::unique_ptr<BatchSchedule> noise_scale(Json settings = Json::object()) {
  settings["name"] = "noise_scale";
  return batch_schedules().make(settings, {.batch_size = 8, .microbatches = 1});
}

// Gradients of |g|^2 = 2 with noise of variance tr(Sigma) / B; what two of them tell, a little off.
int64_t after_steps(BatchSchedule& schedule, int steps, double sigma2, Rng& rng) {
  int64_t microbatches = 0;
  for (int i = 0; i < steps; ++i) {
    microbatches = schedule.microbatches(kNoisePosition);
    const double batch = 8.0 * microbatches;
    schedule.observe(
        {.gradient_square = 2 + sigma2 / batch, .gradient_overlap = 2 + 0.1 * rng.normal()},
        static_cast<int64_t>(batch));
  }
  return microbatches;
}

TEST(NoiseScaleSchedule, FindsTheNoiseScaleAndFollowsIt) {
  const auto schedule = noise_scale();
  EXPECT_TRUE(schedule->observes());
  Rng rng(1);
  EXPECT_NEAR(after_steps(*schedule, 200, 320, rng), 20, 2);   // 320 / 2 = 160 = 20 microbatches.
  EXPECT_NEAR(after_steps(*schedule, 400, 1280, rng), 80, 8);  // The noise grew.
  EXPECT_NEAR(after_steps(*schedule, 400, 16, rng), 1, 1);     // And fell.
}

TEST(NoiseScaleSchedule, GrowsOneByOneAndWhereNoSignalShows) {
  const auto schedule = noise_scale();
  EXPECT_EQ(schedule->microbatches(kNoisePosition), 1);
  schedule->observe({}, 8);  // The first step knows nothing.
  EXPECT_EQ(schedule->microbatches(kNoisePosition), 1);
  schedule->observe({.gradient_square = 1e9, .gradient_overlap = -1}, 8);
  EXPECT_EQ(schedule->microbatches(kNoisePosition), 2);
  schedule->observe({.gradient_square = 1e9, .gradient_overlap = -1}, 16);
  EXPECT_EQ(schedule->microbatches(kNoisePosition), 3);
}

// A step that a loss of a rank broke off is begun again.
TEST(NoiseScaleSchedule, AskedTwiceItSaysTheSame) {
  const auto schedule = noise_scale();
  schedule->observe({.gradient_square = 1e9, .gradient_overlap = -1}, 8);
  EXPECT_EQ(schedule->microbatches(kNoisePosition), 2);
  const Json state = schedule->state();
  EXPECT_EQ(schedule->microbatches(kNoisePosition), 2);
  EXPECT_EQ(schedule->state(), state);
}

TEST(NoiseScaleSchedule, RefusesSettingsThatMakeNoSense) {
  for (const Json& wrong : {Json{{"alpha", 0}}, Json{{"factor", 0}}, Json{{"max_batch", 7}}}) {
    EXPECT_THROW(noise_scale(wrong), Error) << wrong;
  }
}

TEST(NoiseScaleSchedule, AFactorScalesItAndRestoredItDecidesTheSame) {
  const auto half = noise_scale({{"factor", 0.5}});
  Rng rng(2);
  EXPECT_NEAR(after_steps(*half, 200, 320, rng), 10, 1);
  const auto again = noise_scale({{"factor", 0.5}});
  again->restore(Json::parse(half->state().dump()));
  EXPECT_EQ(again->state(), half->state());
  Rng one(3), other(3);
  EXPECT_EQ(after_steps(*half, 9, 1000, one), after_steps(*again, 9, 1000, other));
}

}  // namespace
}  // namespace seqsweep
