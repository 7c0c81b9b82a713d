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
    for (int64_t rank = 1; rank <= 6; ++rank) pool_.greet(rank, hosts[rank - 1]);
  }
  WorkerPool pool_{6};
};

TEST_F(WorkerPoolTest, AGroupStaysOnTheTightestHost) {
  EXPECT_THAT(pool_.take(2, ""), ElementsAre(5, 6));
  EXPECT_THAT(pool_.take(3, ""), ElementsAre(2, 3, 4));
  EXPECT_EQ(pool_.free(), 1);
}

TEST_F(WorkerPoolTest, AGroupSpansHostsWhenItMust) {
  EXPECT_THAT(pool_.take(5, ""), ElementsAre(2, 3, 4, 5, 6));
  EXPECT_THAT(pool_.take(1, ""), ElementsAre(1));
}

TEST_F(WorkerPoolTest, AWorkerHoldsTheDataOfItsLastRun) {
  EXPECT_FALSE(pool_.holds("films"));
  EXPECT_THAT(pool_.take(2, "films"), ElementsAre(5, 6));
  EXPECT_FALSE(pool_.holds("films"));  // They are busy.
  pool_.free(6);
  EXPECT_THAT(pool_.held(), ElementsAre("films"));
  EXPECT_THAT(pool_.take(1, "films"), ElementsAre(6));
  pool_.free(6);
  EXPECT_THAT(pool_.take(1, "books"), ElementsAre(1));
}

TEST_F(WorkerPoolTest, LostWorkersDoNotCount) {
  pool_.lose(1);
  EXPECT_EQ(pool_.size(), 5);
  EXPECT_EQ(pool_.free(), 5);
  EXPECT_THAT(pool_.take(1, ""), ElementsAre(5));
  pool_.free(1);
  EXPECT_EQ(pool_.size(), 6);
  EXPECT_THAT(pool_.take(1, ""), ElementsAre(1));
}

TEST_F(WorkerPoolTest, TheDeadAreNeverFreeAgain) {
  pool_.take(2, "");  // 5 and 6.
  pool_.bury(5);
  EXPECT_EQ(pool_.size(), 5);
  pool_.free(5);
  pool_.free(6);
  pool_.lose(5);
  EXPECT_EQ(pool_.size(), 5);
  EXPECT_EQ(pool_.free(), 5);
  EXPECT_THAT(pool_.take(1, ""), ElementsAre(1));
}

TEST(WorkerPool, WorkersThatAreStartingAreNotFree) {
  WorkerPool pool(2);
  EXPECT_EQ(pool.size(), 2);
  EXPECT_EQ(pool.free(), 0);
  pool.greet(2, "a");
  EXPECT_THAT(pool.take(1, ""), ElementsAre(2));
}

TEST_F(WorkerPoolTest, AReplacementWorksAlone) {
  pool_.bury(5);
  pool_.replace(5);
  EXPECT_EQ(pool_.size(), 6);
  EXPECT_EQ(pool_.size_together(), 5);
  EXPECT_EQ(pool_.free(), 5);
  pool_.greet(5, "c");
  EXPECT_EQ(pool_.free(), 6);
  EXPECT_EQ(pool_.free_together(), 5);
  EXPECT_TRUE(pool_.works_alone(5));
  EXPECT_THAT(pool_.take(1, "films"), ElementsAre(5));  // The others can do more.
  pool_.free(5);
  EXPECT_THAT(pool_.take(5, ""), ElementsAre(1, 2, 3, 4, 6));
  EXPECT_EQ(pool_.free(), 1);
  pool_.bury(5);
  EXPECT_EQ(pool_.free(), 0);
  EXPECT_EQ(pool_.size(), 5);
  pool_.replace(5);
  EXPECT_EQ(pool_.size(), 6);
  EXPECT_EQ(pool_.size_together(), 5);
}

}  // namespace
}  // namespace seqsweep
