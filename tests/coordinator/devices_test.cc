#include "coordinator/devices.h"

#include <gmock/gmock.h>

#include <map>

#include "core/base/random.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

// Two GPUs of host a (numbers 0 and 1) with 80 bytes each, workers 1 to 6 by turns; host b (2) with
// 50 bytes and workers 7 and 8.
class DevicesTest : public ::testing::Test {
 protected:
  DevicesTest() {
    for (int64_t rank = 1; rank <= 6; ++rank) {
      join(rank, {.host = "a", .gpu = rank % 2 ? "first" : "second", .bytes = 80});
    }
    for (int64_t rank = 7; rank <= 8; ++rank) join(rank, {.host = "b", .gpu = "", .bytes = 50});
  }
  void join(int64_t rank, const WorkerPlace& place) {
    const size_t device = devices_.add_worker(place);
    devices_.join(device);
    devices_.set_free(device, rank);
  }
  Seat begin(size_t device, int64_t bytes) {
    return devices_.begin(device, devices_.lowest_free(device), bytes);
  }
  Devices devices_{2};
};

TEST_F(DevicesTest, AGpuHasAsManyPlacesAsItsLimitAndAHostAsItHasWorkers) {
  EXPECT_EQ(devices_.places(), 6);
  EXPECT_EQ(devices_.capacity(), 6);
  EXPECT_EQ(devices_.share(0).workers, 3);
  EXPECT_EQ(devices_.share(0).slots, 2);
  const Seat seat = begin(0, 10);
  EXPECT_EQ(seat.rank, 1);
  begin(0, 10);
  EXPECT_EQ(devices_.places(), 4);  // Worker 5 is free, and waits.
  devices_.end(seat);
  EXPECT_EQ(devices_.places(), 5);
}

TEST_F(DevicesTest, OneRankGetsTheLeastCrowdedGpuThenTheTightestFit) {
  begin(0, 10);
  EXPECT_THAT(devices_.best(10), Optional(2U));  // Its host has the fewest places.
  EXPECT_THAT(devices_.best(60), Optional(1U));
  begin(1, 30);
  EXPECT_THAT(devices_.best(60), Optional(0U));  // The only one with so much to spare.
  begin(2, 45);
  EXPECT_THAT(devices_.best(50), Optional(1U));
  EXPECT_EQ(devices_.best(71), std::nullopt);
  EXPECT_EQ(devices_.most_spare_bytes(), 70);
}

TEST_F(DevicesTest, SeveralRanksStayOnOneHostAndOnDifferentGpusAsFarAsTheyGo) {
  EXPECT_THAT(devices_.best(2, 20), ElementsAre(2, 2));
  EXPECT_THAT(devices_.best(2, 40), ElementsAre(0, 1));  // Host b has no 80.
  EXPECT_THAT(devices_.best(3, 40), ElementsAre(0, 1, 0));
  EXPECT_THAT(devices_.best(5, 20), ElementsAre(0, 1, 0, 1, 2));
  EXPECT_TRUE(devices_.fits(6, 25));
  EXPECT_FALSE(devices_.fits(6, 26));
  EXPECT_FALSE(devices_.fits(7, 0));
}

TEST_F(DevicesTest, WhoNeedsAWholeDeviceGetsAnIdleOne) {
  begin(0, 10);
  EXPECT_THAT(devices_.best(kWholeDevice), Optional(2U));
  EXPECT_THAT(devices_.best(2, kWholeDevice), ElementsAre(2, 2));  // Both ranks of the run.
  EXPECT_THAT(devices_.best(5, kWholeDevice), ElementsAre(1, 1, 1, 2, 2));  // More than places.
  EXPECT_EQ(begin(1, kWholeDevice).bytes, 80);
  EXPECT_EQ(begin(1, kWholeDevice).bytes, 0);  // Its other rank.
  begin(2, kWholeDevice);
  EXPECT_FALSE(devices_.fits(1, kWholeDevice));
  EXPECT_FALSE(devices_.fits(1, 71));
  EXPECT_TRUE(devices_.fits(1, 70));
}

TEST_F(DevicesTest, WhatIsHeldNobodyGets) {
  devices_.hold(1, {.places = 1, .bytes = 60});
  EXPECT_EQ(devices_.places(), 5);
  EXPECT_THAT(devices_.some(9, 30), ElementsAre(0, 2));
  EXPECT_TRUE(devices_.fits(5, kWholeDevice));
  EXPECT_FALSE(devices_.fits(6, kWholeDevice));
  devices_.hold(1, {});
  EXPECT_EQ(devices_.places(), 6);
  EXPECT_THAT(devices_.some(9, 30), ElementsAre(1, 0, 2));
}

TEST_F(DevicesTest, WhatCouldEverFitCountsTheWorkersThatAreThere) {
  EXPECT_TRUE(devices_.could_fit(5, 40));
  EXPECT_FALSE(devices_.could_fit(6, 40));
  EXPECT_FALSE(devices_.could_fit(1, 81));
  EXPECT_FALSE(devices_.could_fit(7, 1));
  EXPECT_TRUE(devices_.could_fit(8, kWholeDevice));
  EXPECT_FALSE(devices_.could_fit(9, kWholeDevice));
  EXPECT_TRUE(devices_.could_hold(8, 25));
  EXPECT_FALSE(devices_.could_hold(7, 40));
  for (int64_t rank = 1; rank <= 6; rank += 2) {
    devices_.set_unfree(0, rank);
    devices_.leave(0);
  }
  EXPECT_EQ(devices_.capacity(), 4);
  EXPECT_FALSE(devices_.could_fit(3, 80));
  EXPECT_EQ(devices_.most_bytes(), 80);
}

TEST(Devices, MemoryThatIsNotToldSuffices) {
  Devices devices(1);
  const size_t device = devices.add_worker({.host = "a", .gpu = ""});
  devices.join(device);
  devices.set_free(device, 1);
  EXPECT_TRUE(devices.fits(1, int64_t{1} << 50));
}

// Every answer beside one by looking at everything.
TEST(Devices, TheQuickAnswersAreThePlainOnes) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    Devices devices(1 + int64_t(rng.below(3)));
    std::vector<size_t> of_rank;
    for (int64_t rank = 0; rank < 12; ++rank) {
      const std::string host(1, static_cast<char>('a' + rng.below(3)));
      const uint64_t gpu = rng.below(3);
      of_rank.push_back(devices.add_worker(
          {.host = host, .gpu = gpu ? std::to_string(gpu) : "", .bytes = 40 + 10 * int64_t(gpu)}));
      devices.join(of_rank.back());
      devices.set_free(of_rank.back(), rank);
    }
    std::vector<Seat> seats;
    for (int event = 0; event < 60; ++event) {
      const int64_t ranks = 1 + int64_t(rng.below(4));
      const int64_t bytes = rng.below(8) == 0 ? kWholeDevice : int64_t(rng.below(40));
      std::map<size_t, int64_t> places;
      int64_t all = 0, most = 0;
      for (const size_t device : of_rank) {
        if (places.contains(device)) continue;
        all += places[device] = devices.places(device, bytes);
        if (devices.places(device, 0) == 0) continue;
        most = std::max(most, devices.room(device, devices.load(device)).bytes);
      }
      ASSERT_EQ(devices.fits(ranks, bytes), all >= ranks) << "seed " << seed;
      ASSERT_EQ(devices.best(bytes).has_value(), all > 0) << "seed " << seed;
      ASSERT_EQ(devices.most_spare_bytes(), most) << "seed " << seed;
      if (all >= ranks) {
        for (const size_t device : devices.best(ranks, bytes)) {
          ASSERT_GT(places[device]--, 0) << "seed " << seed;
          seats.push_back(devices.begin(device, devices.lowest_free(device), bytes));
        }
      }
      if (!seats.empty() && rng.below(2)) {
        devices.end(seats.back());
        devices.set_free(seats.back().device, seats.back().rank);
        seats.pop_back();
      }
    }
  }
}

}  // namespace
}  // namespace seqsweep
