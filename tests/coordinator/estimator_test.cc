#include "coordinator/estimator.h"

#include <gtest/gtest.h>

#include <cmath>

namespace seqsweep {
namespace {

RunConfig run_of(const std::string& model, const std::string& dataset, int64_t seed = 1) {
  RunConfig config;
  config.model = {{"name", model}};
  config.dataset = {{"name", dataset}};
  config.seed = seed;
  return config;
}

class EstimatorTest : public ::testing::Test {
 protected:
  RunKind kind(const RunConfig& config) const { return estimator_.kind_of(config); }
  double seconds(const RunConfig& config, const std::string& device = "cpu") const {
    return estimator_.seconds(kind(config), device);
  }
  Estimator estimator_{{{R"({"name":"films"})", {.users = 1000, .interactions = 100'000}},
                        {R"({"name":"books"})", {.users = 5000, .interactions = 1'000'000}}}};
};

TEST_F(EstimatorTest, FirstPrinciplesTellLongFromShort) {
  EXPECT_FALSE(estimator_.knows_any());
  const double films = seconds(run_of("deep", "films"));
  EXPECT_GT(films, 0);
  EXPECT_GT(seconds(run_of("deep", "books")), 5 * films);
  RunConfig shorter = run_of("deep", "films"), smaller = shorter, wider = shorter;
  shorter.train.epochs = 10;
  smaller.train.batch_size = 4;
  wider.train.ranks = 4;
  EXPECT_LT(seconds(shorter), films);
  EXPECT_GT(seconds(smaller), films);
  EXPECT_DOUBLE_EQ(seconds(wider), films / 4);
}

TEST_F(EstimatorTest, OtherSeedsOfARunTakeAsLong) {
  estimator_.learn(kind(run_of("deep", "films", 1)), "cpu", 10);
  estimator_.learn(kind(run_of("deep", "films", 2)), "cpu", 20);
  EXPECT_DOUBLE_EQ(seconds(run_of("deep", "films", 3)), 15);
  EXPECT_TRUE(estimator_.knows(kind(run_of("deep", "films", 3))));
  EXPECT_FALSE(estimator_.knows(kind(run_of("deep", "books"))));
}

TEST_F(EstimatorTest, TheMostAlikeRunsTeachTheMost) {
  const double prior = seconds(run_of("deep", "books")), other = seconds(run_of("wide", "films"));
  estimator_.learn(kind(run_of("deep", "films")), "cpu", 3 * seconds(run_of("deep", "films")));
  EXPECT_NEAR(seconds(run_of("deep", "books")), 3 * prior, 1e-9 * prior);  // The same model.
  EXPECT_NEAR(seconds(run_of("wide", "films")), 3 * other, 1e-9 * other);  // All that is known.
  RunConfig longer = run_of("deep", "films");
  longer.train.epochs = 200;
  estimator_.learn(kind(run_of("deep", "books")), "cpu", 30 * prior);
  EXPECT_GT(seconds(longer), seconds(run_of("deep", "films")));  // Same model, same data.
  EXPECT_LT(seconds(longer), 2.1 * seconds(run_of("deep", "films")));
}

TEST_F(EstimatorTest, DevicesAreToldApartWhereBothAreKnown) {
  estimator_.learn(kind(run_of("deep", "films")), "cuda:3 NVIDIA H200", 5);
  EXPECT_DOUBLE_EQ(seconds(run_of("deep", "films"), "cpu"), 5);  // Better than nothing.
  estimator_.learn(kind(run_of("deep", "films")), "cpu", 50);
  EXPECT_DOUBLE_EQ(seconds(run_of("deep", "films"), "cpu"), 50);
  EXPECT_DOUBLE_EQ(seconds(run_of("deep", "films"), "cuda:0 NVIDIA H100"), 5);
}

TEST_F(EstimatorTest, MemoryIsTheMostThatItsLikeHeld) {
  const auto memory = [&](const RunConfig& config, const std::string& device = "cuda:0 GPU") {
    return estimator_.memory(kind(config), device);
  };
  RunConfig wider = run_of("deep", "films");
  wider.train.batch_size = 512;
  EXPECT_FALSE(memory(wider));
  estimator_.learn_memory(kind(run_of("deep", "films", 1)), "cuda:1 GPU", 30);
  estimator_.learn_memory(kind(run_of("deep", "films", 2)), "cuda:0 GPU", 20);
  estimator_.learn_memory(kind(run_of("deep", "films", 2)), "cuda:0 GPU", std::nan(""));
  EXPECT_EQ(memory(run_of("deep", "films", 3))->bytes, 30);
  EXPECT_TRUE(memory(run_of("deep", "films", 3))->is_known);
  EXPECT_EQ(memory(wider)->bytes, 30);  // The same model and data: a guess.
  EXPECT_FALSE(memory(wider)->is_known);
  EXPECT_FALSE(memory(run_of("deep", "books")));
  EXPECT_FALSE(memory(run_of("deep", "films"), "cpu"));
}

TEST_F(EstimatorTest, MemoryThatWasTooLittleIsRaised) {
  const RunKind films = kind(run_of("deep", "films"));
  estimator_.learn_memory(films, "cuda", 30);
  estimator_.raise_memory(films, "cuda", 60);
  estimator_.raise_memory(films, "cuda", 40);
  EXPECT_EQ(estimator_.memory(films, "cuda")->bytes, 60);
  EXPECT_FALSE(estimator_.memory(films, "cuda")->is_known);
  estimator_.learn_memory(films, "cuda", 70);
  EXPECT_EQ(estimator_.memory(films, "cuda")->bytes, 70);
  EXPECT_TRUE(estimator_.memory(films, "cuda")->is_known);
}

TEST(DeviceClass, IsWhatStandsBeforeTheNumber) {
  EXPECT_EQ(device_class("cuda:0 NVIDIA H200"), "cuda");
  EXPECT_EQ(device_class("cpu"), "cpu");
}

}  // namespace
}  // namespace seqsweep
