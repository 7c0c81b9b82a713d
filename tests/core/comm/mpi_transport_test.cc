#include <gtest/gtest.h>

#include <ctime>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "tests/core/comm/mpi_test_world.h"

namespace seqsweep {
namespace {

constexpr int64_t kPatienceMs = 20'000;

class MpiTransportTest : public ::testing::Test {
 protected:
  // A transport of its own for each test, so that no message of another one comes.
  std::unique_ptr<Transport> transport_ = make_mpi_transport(test_world());
  bool coordinates() const { return transport_->rank() == 0; }

  template <typename T>
  T receive(int* peer = nullptr) {
    auto envelope = transport_->receive(kPatienceMs);
    if (!envelope || !std::holds_alternative<T>(envelope->message)) {
      ADD_FAILURE() << "rank " << transport_->rank() << ": nothing came, or something else";
      return {};
    }
    if (peer) *peer = envelope->peer;
    return std::get<T>(std::move(envelope->message));
  }
};

TEST_F(MpiTransportTest, ManySmallMessagesKeepTheirOrder) {
  constexpr int64_t kCount = 10'000;
  if (!coordinates()) {
    for (int64_t i = 0; i < kCount; ++i) transport_->send(0, Progress{.step = i});
    receive<Shutdown>();
    return;
  }
  std::vector<int64_t> next(static_cast<size_t>(transport_->size()), 0);
  for (int64_t i = 0; i < kCount * (transport_->size() - 1); ++i) {
    int peer = 0;
    const auto progress = receive<Progress>(&peer);
    ASSERT_EQ(progress.step, next[static_cast<size_t>(peer)]++) << "from rank " << peer;
  }
  for (int peer = 1; peer < transport_->size(); ++peer) transport_->send(peer, Shutdown{});
}

// Both sides send before either receives: neither may wait for the other.
TEST_F(MpiTransportTest, LargeMessagesCrossWithoutADeadlock) {
  constexpr size_t kUsers = 1'250'000;  // 5 MB
  const std::string config(5'000'000, 'x');
  if (coordinates()) {
    for (int peer = 1; peer < transport_->size(); ++peer) {
      transport_->send(peer, Dispatch{.config = config});
    }
    for (int peer = 1; peer < transport_->size(); ++peer) {
      int from = 0;
      const auto finished = receive<Finished>(&from);
      EXPECT_EQ(finished.result.user_ranks, std::vector<int32_t>(kUsers, from));
    }
    return;
  }
  Finished finished;
  finished.result.user_ranks.assign(kUsers, transport_->rank());
  transport_->send(0, finished);
  EXPECT_EQ(receive<Dispatch>().config, config);
}

TEST_F(MpiTransportTest, ASmallMessageDoesNotOvertakeALargeOne) {
  if (!coordinates()) {
    Finished finished;
    finished.result.user_ranks.assign(1'000'000, 1);
    transport_->send(0, finished);
    transport_->send(0, Hello{.host = "after"});
    receive<Shutdown>();
    return;
  }
  std::vector<bool> finished(static_cast<size_t>(transport_->size()), false);
  for (int i = 0; i < 2 * (transport_->size() - 1); ++i) {
    const auto envelope = transport_->receive(kPatienceMs);
    ASSERT_TRUE(envelope);
    const auto peer = static_cast<size_t>(envelope->peer);
    EXPECT_EQ(std::holds_alternative<Hello>(envelope->message), finished[peer]);
    finished[peer] = true;
  }
  for (int peer = 1; peer < transport_->size(); ++peer) transport_->send(peer, Shutdown{});
}

TEST_F(MpiTransportTest, WaitingEndsInTimeAndBurnsNoCore) {
  EXPECT_FALSE(transport_->receive(0));
  const std::clock_t cpu = std::clock();
  const double start_s = monotonic_s();
  EXPECT_FALSE(transport_->receive(300));
  const double waited_s = monotonic_s() - start_s;
  EXPECT_GE(waited_s, 0.299);
  EXPECT_LT(double(std::clock() - cpu) / CLOCKS_PER_SEC, 0.15);
}

TEST_F(MpiTransportTest, NobodyIsReplacedWhoseWorldWasNotMadeForThat) {
  EXPECT_FALSE(test_world().can_replace());
  EXPECT_THROW(transport_->replace(1, "host", {"/bin/true"}), Error);
}

}  // namespace
}  // namespace seqsweep
