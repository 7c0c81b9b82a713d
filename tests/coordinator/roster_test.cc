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
  Roster roster_{3, 0};
};

TEST_F(RosterTest, AnAttemptIsFoundUntilItIsReleased) {
  EXPECT_EQ(roster_.find(kTicket)->members.size(), 2U);
  EXPECT_EQ(roster_.find({"run", 1, 2}), nullptr);  // Of another coordinator.
  EXPECT_THAT(roster_.release({"run", 2, 1}), IsEmpty());
  EXPECT_FALSE(roster_.none_running());
  EXPECT_THAT(roster_.release(kTicket), ElementsAre(1, 2));
  EXPECT_EQ(roster_.find(kTicket), nullptr);
  EXPECT_TRUE(roster_.none_running());
}

TEST_F(RosterTest, AnAttemptThatIsOverStillHasItsWorkers) {
  roster_.set_over(*roster_.find_running("run"));
  EXPECT_EQ(roster_.find_running("run"), nullptr);
  EXPECT_TRUE(roster_.none_running());
  roster_.begin({.ticket = {"run", 2, 1}, .members = {3}});  // On another one.
  EXPECT_EQ(roster_.find_running("run")->ticket.attempt, 2);
  EXPECT_THAT(roster_.running(), SizeIs(1));
  EXPECT_THAT(roster_.release(kTicket), ElementsAre(1, 2));
  EXPECT_FALSE(roster_.none_running());
}

TEST_F(RosterTest, OnlyTheFirstHelloCounts) {
  EXPECT_FALSE(roster_.hello(1, {.host = "b"}));
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
  roster_.renew(attempt, {.step = 1, .phase = "evaluate", .signs = 1}, 260);  // A batch of users.
  EXPECT_THAT(roster_.expired(300, kLeaseMs), IsEmpty());
}

TEST_F(RosterTest, LostWorkersAreNotCountedOnUntilTheyComeBack) {
  roster_.lose(kTicket);
  EXPECT_EQ(roster_.lost(), 2);
  EXPECT_THAT(roster_.running(), IsEmpty());
  EXPECT_THAT(roster_.expired(1000, kLeaseMs), IsEmpty());  // Once is enough.
  EXPECT_EQ(roster_.find_running("run"), nullptr);
  roster_.release(kTicket);
  EXPECT_EQ(roster_.lost(), 0);
}

TEST_F(RosterTest, TheDeadStayDead) {
  EXPECT_EQ(roster_.bury(3), nullptr);
  EXPECT_EQ(roster_.bury(1)->ticket, kTicket);
  EXPECT_TRUE(roster_.is_dead(1));
  EXPECT_FALSE(roster_.is_dead(2));
  EXPECT_THAT(roster_.expired(1000, kLeaseMs), ElementsAre(kTicket));  // Rank 2 is still at it.
  roster_.lose(kTicket);
  EXPECT_THAT(roster_.expired(1000, kLeaseMs), IsEmpty());
  EXPECT_THAT(roster_.silent(), ElementsAre(2));
  roster_.release(kTicket);
  EXPECT_THAT(roster_.silent(), IsEmpty());
  EXPECT_EQ(roster_.lost(), 2);
}

TEST(Roster, WorkersThatStaySilentAreLost) {
  Roster roster(2, 1000);
  roster.hello(2, {.host = "a"});
  EXPECT_THAT(roster.lose_silent(1100, kLeaseMs), IsEmpty());
  EXPECT_THAT(roster.lose_silent(1101, kLeaseMs), ElementsAre(1));
  EXPECT_THAT(roster.lose_silent(1102, kLeaseMs), IsEmpty());
  EXPECT_EQ(roster.lost(), 1);
  EXPECT_TRUE(roster.hello(1, {.host = "late"}));
  EXPECT_EQ(roster.lost(), 0);
}

TEST(Roster, ADeadOnesNumberMayBeAnothersWhoHasItsOwnTimeToSayHello) {
  Roster roster(1, 0);
  roster.hello(1, {.host = "a"});
  roster.bury(1);
  roster.expect(1, 5000);
  EXPECT_FALSE(roster.is_dead(1));
  EXPECT_EQ(roster.lost(), 0);
  EXPECT_THAT(roster.lose_silent(5100, kLeaseMs), IsEmpty());
  EXPECT_TRUE(roster.hello(1, {.host = "b"}));
  EXPECT_EQ(roster.worker(1).host, "b");
  roster.bury(1);
  roster.expect(1, 6000);
  EXPECT_THAT(roster.lose_silent(6101, kLeaseMs), ElementsAre(1));
}

}  // namespace
}  // namespace seqsweep
