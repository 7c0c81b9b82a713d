#include "coordinator/worker_pool.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

using ::testing::ElementsAre;

// Host a has rank 1, b 2 to 4, c 5 and 6.
class WorkerPoolTest : public ::testing::Test {
 protected:
  WorkerPoolTest() {
    const char* hosts[] = {"a", "b", "b", "b", "c", "c"};
    for (int64_t rank = 1; rank <= 6; ++rank) pool_.greet(rank, {.host = hosts[rank - 1]});
  }
  WorkerPool pool_{6};
};

TEST_F(WorkerPoolTest, AGroupStaysOnTheTightestHost) {
  EXPECT_THAT(pool_.take(2, 0, ""), ElementsAre(5, 6));
  EXPECT_THAT(pool_.take(3, 0, ""), ElementsAre(2, 3, 4));
  EXPECT_EQ(pool_.free(), 1);
}

TEST_F(WorkerPoolTest, AGroupSpansHostsWhenItMust) {
  EXPECT_THAT(pool_.take(5, 0, ""), ElementsAre(2, 3, 4, 5, 6));
  EXPECT_THAT(pool_.take(1, 0, ""), ElementsAre(1));
}

TEST_F(WorkerPoolTest, AWorkerHoldsTheDataOfItsLastRun) {
  EXPECT_FALSE(pool_.holds("films"));
  EXPECT_THAT(pool_.take(2, 0, "films"), ElementsAre(5, 6));
  EXPECT_FALSE(pool_.holds("films"));  // They are busy.
  pool_.free(6);
  EXPECT_THAT(pool_.held(), ElementsAre("films"));
  EXPECT_THAT(pool_.take(1, 0, "films"), ElementsAre(6));
  pool_.free(6);
  EXPECT_THAT(pool_.take(1, 0, "books"), ElementsAre(1));
}

TEST_F(WorkerPoolTest, LostWorkersDoNotCount) {
  pool_.lose(1);
  EXPECT_EQ(pool_.size(), 5);
  EXPECT_EQ(pool_.free(), 5);
  EXPECT_THAT(pool_.take(1, 0, ""), ElementsAre(5));
  pool_.free(1);
  EXPECT_EQ(pool_.size(), 6);
  EXPECT_THAT(pool_.take(1, 0, ""), ElementsAre(1));
}

TEST_F(WorkerPoolTest, TheDeadAreNeverFreeAgain) {
  pool_.take(2, 0, "");  // 5 and 6.
  pool_.bury(5);
  EXPECT_EQ(pool_.size(), 5);
  pool_.free(5);
  pool_.free(6);
  pool_.lose(5);
  EXPECT_EQ(pool_.size(), 5);
  EXPECT_EQ(pool_.free(), 5);
  EXPECT_THAT(pool_.take(1, 0, ""), ElementsAre(1));
}

TEST(WorkerPool, WorkersThatAreStartingAreNotFree) {
  WorkerPool pool(2);
  EXPECT_EQ(pool.size(), 2);
  EXPECT_EQ(pool.free(), 0);
  pool.greet(2, {.host = "a"});
  EXPECT_THAT(pool.take(1, 0, ""), ElementsAre(2));
}

TEST(WorkerPool, AWorkerThatCameLateOrBackHasItsPlace) {
  WorkerPool pool(3, /*ranks_per_gpu=*/1);
  const WorkerPlace place{.host = "a", .gpu = "0", .bytes = 80};
  EXPECT_EQ(pool.capacity(), 3);
  pool.lose(1);  // It said nothing for too long.
  pool.greet(2, place);
  pool.greet(3, place);
  EXPECT_EQ(pool.capacity(), 1);
  EXPECT_THAT(pool.take(1, 60, ""), ElementsAre(2));
  EXPECT_EQ(pool.seat(2)->bytes, 60);
  EXPECT_FALSE(pool.devices().fits(1, 0));
  pool.lose(2);  // What it held counts no more.
  EXPECT_THAT(pool.take(1, 80, ""), ElementsAre(3));
  pool.free(3);
  pool.greet(1, place);
  pool.bury(3);
  EXPECT_THAT(pool.take(1, 80, ""), ElementsAre(1));
  EXPECT_FALSE(pool.could_fit(1, 81));
  EXPECT_TRUE(pool.could_hold(1, 80));
  EXPECT_EQ(pool.share(1).workers, 1);
}

TEST(WorkerPool, TheDataSetOfAWorkerCountsLessThanAGpuOfItsOwn) {
  WorkerPool pool(4, /*ranks_per_gpu=*/2);
  for (int64_t rank = 1; rank <= 4; ++rank) {
    pool.greet(rank, {.host = "a", .gpu = rank <= 2 ? "0" : "1", .bytes = 80});
  }
  EXPECT_THAT(pool.take(1, 10, "films"), ElementsAre(1));
  pool.free(1);
  EXPECT_THAT(pool.take(1, 10, "books"), ElementsAre(1));
  EXPECT_THAT(pool.take(1, 10, "films"), ElementsAre(3));
  pool.free(1);
  pool.free(3);
  EXPECT_THAT(pool.take(1, 10, "films"), ElementsAre(3));
  EXPECT_THAT(pool.take(1, 10, "films"), ElementsAre(1));
}

TEST_F(WorkerPoolTest, AReplacementWorksAlone) {
  pool_.bury(5);
  pool_.replace(5);
  EXPECT_EQ(pool_.size(), 6);
  EXPECT_EQ(pool_.size_together(), 5);
  EXPECT_EQ(pool_.free(), 5);
  pool_.greet(5, {.host = "c"});
  EXPECT_EQ(pool_.free(), 6);
  EXPECT_EQ(pool_.free_together(), 5);
  EXPECT_THAT(pool_.take(1, 0, "films"), ElementsAre(5));  // The others can do more.
  EXPECT_TRUE(pool_.seat(5)->alone);
  pool_.free(5);
  EXPECT_THAT(pool_.take(5, 0, ""), ElementsAre(1, 2, 3, 4, 6));
  EXPECT_EQ(pool_.free(), 1);
  pool_.bury(5);
  EXPECT_EQ(pool_.free(), 0);
  EXPECT_EQ(pool_.size(), 5);
  pool_.replace(5);
  EXPECT_EQ(pool_.size(), 6);
  EXPECT_EQ(pool_.size_together(), 5);
}

TEST(WorkerPool, AReplacementUsesItsGpuUpAsOthersDo) {
  WorkerPool pool(3, /*ranks_per_gpu=*/1);
  for (int64_t rank = 1; rank <= 3; ++rank) {
    pool.greet(rank, {.host = "a", .gpu = rank <= 2 ? "0" : "1", .bytes = 80});
  }
  pool.bury(1);
  pool.replace(1);
  EXPECT_TRUE(pool.could_fit(1, 81));  // Its GPU may be another one.
  EXPECT_FALSE(pool.could_fit(3, 0));
  pool.greet(1, {.host = "a", .gpu = "0", .bytes = 80});
  EXPECT_EQ(pool.capacity(), 2);
  EXPECT_FALSE(pool.could_fit(1, 81));
  EXPECT_FALSE(pool.could_hold(3, 0));
  EXPECT_TRUE(pool.fits(2, 80));
  EXPECT_THAT(pool.take(1, 60, ""), ElementsAre(1));
  EXPECT_FALSE(pool.fits(2, 10));
  EXPECT_THAT(pool.take(1, kWholeDevice, ""), ElementsAre(3));
  EXPECT_FALSE(pool.fits(1, 0));
  pool.free(1);
  pool.bury(2);
  EXPECT_TRUE(pool.could_fit(1, 80));
  EXPECT_THAT(pool.take(1, kWholeDevice, ""), ElementsAre(1));
}

}  // namespace
}  // namespace seqsweep
