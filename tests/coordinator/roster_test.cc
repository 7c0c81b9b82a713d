#include "coordinator/roster.h"

#include <gmock/gmock.h>

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Ticket kTicket{"run", 1, 1};
constexpr int64_t kLeaseMs = 100;

class RosterTest : public ::testing::Test {
 protected:
  RosterTest() {
    for (int64_t rank = 1; rank <= 3; ++rank) roster_.hello(rank, {.host = "a"});
    roster_.begin({.ticket = kTicket, .members = {1, 2}, .started_ms = 0, .renewed_ms = 0});
  }
  WorkerSlot::State state_of(int64_t rank) const {
    for (const WorkerSlot& slot : roster_.slots()) {
      if (slot.rank == rank) return slot.state;
    }
    ADD_FAILURE() << "rank " << rank << " is lost";
    return {};
  }
  Roster roster_{3, 0};
};

TEST_F(RosterTest, MembersAreBusyUntilReleased) {
  EXPECT_EQ(state_of(1), WorkerSlot::State::Busy);
  EXPECT_EQ(state_of(2), WorkerSlot::State::Busy);
  EXPECT_EQ(state_of(3), WorkerSlot::State::Free);
  roster_.release({"run", 2, 1});  // Another attempt.
  EXPECT_EQ(state_of(1), WorkerSlot::State::Busy);
  roster_.release(kTicket);
  EXPECT_EQ(state_of(1), WorkerSlot::State::Free);
  EXPECT_EQ(roster_.find(kTicket), nullptr);
}

TEST_F(RosterTest, OnlyTheFirstHelloCounts) {
  EXPECT_FALSE(roster_.hello(1, {.host = "b"}));
  EXPECT_EQ(state_of(1), WorkerSlot::State::Busy);
  EXPECT_EQ(roster_.worker(1).host, "a");
  EXPECT_FALSE(roster_.hello(0, {}));
  EXPECT_FALSE(roster_.hello(4, {}));
}

TEST_F(RosterTest, GettingOnRenewsALeaseAndBeingAliveDoesNot) {
  Attempt& attempt = *roster_.find(kTicket);
  roster_.renew(attempt, {.step = 1, .phase = "train"}, 60);
  EXPECT_THAT(roster_.expired(160, kLeaseMs), IsEmpty());
  roster_.renew(attempt, {.step = 1, .phase = "train"}, 161);
  EXPECT_THAT(roster_.expired(161, kLeaseMs), ElementsAre(kTicket));
  roster_.renew(attempt, {.step = 1, .phase = "evaluate"}, 162);
  EXPECT_THAT(roster_.expired(162, kLeaseMs), IsEmpty());
}

TEST_F(RosterTest, LostWorkersAreNotCountedOnUntilTheyComeBack) {
  roster_.lose(kTicket);
  EXPECT_THAT(roster_.slots(), SizeIs(1));
  EXPECT_THAT(roster_.running(), IsEmpty());
  EXPECT_THAT(roster_.expired(1000, kLeaseMs), IsEmpty());  // Once is enough.
  EXPECT_EQ(roster_.find_running("run"), nullptr);
  roster_.release(kTicket);
  EXPECT_THAT(roster_.slots(), SizeIs(3));
}

TEST_F(RosterTest, SlotsKnowWhenTheyWillBeFree) {
  Attempt& attempt = *roster_.find(kTicket);
  EXPECT_EQ(roster_.slots()[0].free_at_ms, std::nullopt);
  roster_.renew(attempt, {.step = 1, .fraction = 0.5, .seconds_left = 2}, 500);
  EXPECT_EQ(roster_.slots()[0].free_at_ms, 2500);
  EXPECT_EQ(roster_.slots()[1].free_at_ms, 2500);
  EXPECT_EQ(roster_.slots()[2].free_at_ms, std::nullopt);
}

TEST(Roster, WorkersThatStaySilentAreLost) {
  Roster roster(2, 1000);
  roster.hello(2, {.host = "a"});
  EXPECT_THAT(roster.lose_silent(1100, kLeaseMs), IsEmpty());
  EXPECT_THAT(roster.lose_silent(1101, kLeaseMs), ElementsAre(1));
  EXPECT_THAT(roster.lose_silent(1102, kLeaseMs), IsEmpty());
  EXPECT_THAT(roster.slots(), SizeIs(1));
  EXPECT_TRUE(roster.hello(1, {.host = "late"}));
  EXPECT_THAT(roster.slots(), SizeIs(2));
}

}  // namespace
}  // namespace seqsweep
