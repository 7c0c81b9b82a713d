#include "core/train/division.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/base/random.h"

namespace seqsweep {
namespace {

using Counts = std::vector<int64_t>;

TEST(Divide, FollowsTheSpeeds) {
  struct Case {
    int64_t parts;
    std::vector<double> speeds;
    Counts counts;
  };
  const std::vector<Case> cases = {
      {0, {1, 1}, {0, 0}},
      {7, {3}, {7}},
      {6, {5, 5}, {3, 3}},
      {5, {1, 1}, {3, 2}},        // Of equals the first.
      {1, {1, 1, 1}, {1, 0, 0}},  // Fewer parts than ranks.
      {12, {2, 1}, {8, 4}},       //
      {28, {2, 2, 2, 1}, {8, 8, 8, 4}},
      {2, {2, 1}, {2, 0}},         // The slow one would be done at the same time, not sooner.
      {3, {1, 10, 1}, {0, 3, 0}},  //
      {64, {1e-9, 1e9}, {0, 64}},  //
      {1000, {0.3, 0.3, 0.4}, {300, 300, 400}},
  };
  for (const Case& c : cases) EXPECT_EQ(divide(c.parts, c.speeds), c.counts) << c.parts;
}

double ends_at(const Counts& counts, const std::vector<double>& speeds) {
  double end = 0;
  for (size_t r = 0; r < counts.size(); ++r) {
    end = std::max(end, static_cast<double>(counts[r]) / speeds[r]);
  }
  return end;
}

TEST(Divide, NoOtherDivisionEndsSooner) {
  Rng rng(7);
  for (int i = 0; i < 300; ++i) {
    const std::vector<double> speeds = {0.1 + rng.uniform(), 0.1 + rng.uniform(),
                                        0.1 + 2 * rng.uniform()};
    const auto parts = static_cast<int64_t>(rng.below(15));
    const Counts counts = divide(parts, speeds);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), int64_t{0}), parts);
    double best = std::numeric_limits<double>::infinity();
    for (int64_t a = 0; a <= parts; ++a) {
      for (int64_t b = 0; a + b <= parts; ++b) {
        best = std::min(best, ends_at({a, b, parts - a - b}, speeds));
      }
    }
    EXPECT_LE(ends_at(counts, speeds), best * (1 + 1e-12));
  }
}

Counts counts_of(const Division& division, int64_t microbatches, int ranks) {
  Counts counts;
  int64_t end = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const Share share = division.share_of(microbatches, rank);
    EXPECT_EQ(share.begin, end);  // In order, without a gap.
    end = share.end;
    counts.push_back(share.end - share.begin);
  }
  EXPECT_EQ(end, microbatches);
  return counts;
}

// A step of ranks that take so long for a microbatch; one without work is not measured.
void step(Division& division, int64_t microbatches, const std::vector<double>& seconds) {
  const Counts counts = counts_of(division, microbatches, static_cast<int>(seconds.size()));
  std::vector<double> measured;
  for (size_t r = 0; r < seconds.size(); ++r) measured.push_back(counts[r] > 0 ? seconds[r] : 0);
  division.observe(measured);
}

TEST(Division, BeginsWithEqualParts) {
  EXPECT_EQ(counts_of(Division(1), 5, 1), (Counts{5}));
  EXPECT_EQ(counts_of(Division(3), 5, 3), (Counts{2, 2, 1}));
  Division division(2);
  step(division, 8, {0, 0});  // A clock that stands still tells nothing.
  EXPECT_EQ(counts_of(division, 8, 2), (Counts{4, 4}));
}

TEST(Division, FollowsARankThatBecomesSlow) {
  Division division(4);
  for (int i = 0; i < 50; ++i) step(division, 28, {0.1, 0.1, 0.1, 0.1});
  EXPECT_EQ(counts_of(division, 28, 4), (Counts{7, 7, 7, 7}));
  for (int i = 0; i < 20; ++i) step(division, 28, {0.1, 0.2, 0.1, 0.1});
  EXPECT_EQ(counts_of(division, 28, 4), (Counts{8, 4, 8, 8}));
  for (int i = 0; i < 20; ++i) step(division, 28, {0.1, 0.1, 0.1, 0.1});
  EXPECT_EQ(counts_of(division, 28, 4), (Counts{7, 7, 7, 7}));
}

TEST(Division, NoiseDoesNotMoveIt) {
  Division division(2);
  Rng rng(3);
  for (int i = 0; i < 500; ++i) {
    const double noise = 1 + 0.1 * (rng.uniform() - 0.5);
    step(division, 100, {0.1 * noise, 0.1});
    EXPECT_EQ(counts_of(division, 100, 2), (Counts{50, 50})) << i;
  }
  step(division, 100, {10, 0.1});  // A hiccup, a hundred times as long.
  EXPECT_GE(counts_of(division, 100, 2)[0], 40);
}

TEST(Division, ARankWithoutWorkIsTriedAgain) {
  Division division(2);
  step(division, 4, {1, 100});
  EXPECT_EQ(counts_of(division, 4, 2), (Counts{4, 0}));
  int tried = 0;
  for (int i = 0; i < 200 && tried == 0; ++i) {
    step(division, 4, {1, 1});  // It became as fast as the other one.
    tried += counts_of(division, 4, 2)[1] > 0;
  }
  EXPECT_EQ(tried, 1);
  for (int i = 0; i < 20; ++i) step(division, 4, {1, 1});
  EXPECT_EQ(counts_of(division, 4, 2), (Counts{2, 2}));
}

TEST(Division, ATryOfARankThatStayedSlowIsRare) {
  Division division(2);
  int64_t tries = 0;
  for (int i = 0; i < 300; ++i) {
    tries += counts_of(division, 1, 2)[1];
    step(division, 1, {1, 2});
  }
  EXPECT_GT(tries, 0);
  EXPECT_LE(tries, 20);
}

}  // namespace
}  // namespace seqsweep
