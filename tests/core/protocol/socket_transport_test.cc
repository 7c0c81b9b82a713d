#include "core/protocol/socket_transport.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <thread>

#include "core/base/error.h"

namespace seqsweep {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kPatience_ms = 10'000;

class SocketTransportTest : public testing::Test {
 protected:
  SocketTransportTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    rank_ = make_socket_transport(Descriptor(ends[0]), 0, 3);
    raw_ = Descriptor(ends[1]);
  }
  // Of the process that the rank talks to.
  std::unique_ptr<Transport> trainer() { return make_socket_transport(std::move(raw_), 3, 0); }

  void write_raw(const void* data, size_t bytes) {
    ASSERT_EQ(::send(raw_.number(), data, bytes, 0), static_cast<ssize_t>(bytes));
  }

  std::unique_ptr<Transport> rank_;
  Descriptor raw_;
};

RunResult large_result(size_t users) {
  RunResult result;
  for (size_t user = 0; user < users; ++user) result.user_ranks.push_back(int32_t(user * 7));
  return result;
}

TEST_F(SocketTransportTest, CarriesMessagesInOrderBothWays) {
  const auto trainer = this->trainer();
  EXPECT_EQ(trainer->rank(), 3);
  for (int64_t step = 1; step <= 100; ++step) trainer->send(0, Progress{.step = step});
  for (int64_t step = 1; step <= 100; ++step) {
    const auto envelope = rank_->receive(kPatience_ms);
    ASSERT_TRUE(envelope);
    EXPECT_EQ(envelope->peer, 3);
    EXPECT_EQ(std::get<Progress>(envelope->message).step, step);
  }
  EXPECT_FALSE(rank_->receive(0));
  rank_->send(3, Cancel{{"run", 2, 1}, true});
  EXPECT_TRUE(std::get<Cancel>(trainer->receive(kPatience_ms)->message).goes_on_elsewhere);
}

// Neither end waits for the other: what does not fit into the socket leaves in later calls.
TEST_F(SocketTransportTest, SendingDoesNotBlockAndNothingIsLost) {
  const auto trainer = this->trainer();
  const RunResult result = large_result(3'000'000);
  trainer->send(0, Finished{{"run", 1, 1}, result});
  rank_->send(3, Dispatch{.config = std::string(5'000'000, 'x')});
  std::optional<Envelope> up, down;
  for (int i = 0; i < 100'000 && !(up && down); ++i) {
    if (auto envelope = rank_->receive(0)) up = std::move(envelope);
    if (auto envelope = trainer->receive(0)) down = std::move(envelope);
  }
  ASSERT_TRUE(up && down);
  EXPECT_EQ(std::get<Finished>(up->message).result.user_ranks, result.user_ranks);
  EXPECT_EQ(std::get<Dispatch>(down->message).config.size(), 5'000'000U);
}

TEST_F(SocketTransportTest, WhatWasSentBeforeTheEndArrivesAndThenItIsTold) {
  std::thread sender([trainer = this->trainer()]() mutable {
    trainer->send(0, Finished{{"run", 1, 1}, large_result(1'000'000)});
    trainer.reset();  // Gives it to the socket first.
  });
  const auto finished = rank_->receive(kPatience_ms);
  sender.join();
  ASSERT_TRUE(finished);
  EXPECT_EQ(std::get<Finished>(finished->message).result.user_ranks.size(), 1'000'000U);
  EXPECT_FALSE(rank_->receive(kPatience_ms));
  EXPECT_THAT(rank_->take_dead(), ElementsAre(3));
  EXPECT_THAT(rank_->take_dead(), IsEmpty());
  rank_->send(3, Shutdown{});  // Nobody reads it, nobody minds.
}

TEST_F(SocketTransportTest, ADeathIsNotToldBeforeTheLastWords) {
  {
    const auto trainer = this->trainer();
    trainer->send(0, Progress{.step = 1});
    trainer->send(0, Progress{.step = 2});
  }
  EXPECT_TRUE(rank_->receive(kPatience_ms));
  EXPECT_THAT(rank_->take_dead(), IsEmpty());
  EXPECT_TRUE(rank_->receive(kPatience_ms));
  EXPECT_FALSE(rank_->receive(kPatience_ms));
  EXPECT_THAT(rank_->take_dead(), ElementsAre(3));
}

TEST_F(SocketTransportTest, APeerKilledWithinAMessageIsDeadAndTheMessageGone) {
  const uint32_t length = 1000;
  write_raw(&length, sizeof(length));
  write_raw("half", 4);
  EXPECT_FALSE(rank_->receive(20));
  EXPECT_THAT(rank_->take_dead(), IsEmpty());
  raw_.close();
  EXPECT_FALSE(rank_->receive(kPatience_ms));
  EXPECT_THAT(rank_->take_dead(), ElementsAre(3));
}

TEST_F(SocketTransportTest, AMessageMayComeByteByByte) {
  const std::vector<uint8_t> bytes = encode(Interrupted{{"run", 1, 1}, 7});
  const auto length = static_cast<uint32_t>(bytes.size());
  const auto* header = reinterpret_cast<const uint8_t*>(&length);
  for (size_t i = 0; i < sizeof(length); ++i) {
    write_raw(header + i, 1);
    EXPECT_FALSE(rank_->receive(0));
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(rank_->receive(0));
    write_raw(&bytes[i], 1);
  }
  EXPECT_EQ(std::get<Interrupted>(rank_->receive(kPatience_ms)->message).step, 7);
}

TEST_F(SocketTransportTest, WhatIsNoMessageIsRefused) {
  const uint32_t length = 3;
  write_raw(&length, sizeof(length));
  write_raw("abc", 3);
  EXPECT_THROW(rank_->receive(kPatience_ms), Error);
}

TEST_F(SocketTransportTest, AnImpossibleLengthIsRefusedBeforeMemoryIsTakenForIt) {
  const uint32_t length = 0xFFFFFFFF;
  write_raw(&length, sizeof(length));
  EXPECT_THROW(rank_->receive(kPatience_ms), Error);
}

}  // namespace
}  // namespace seqsweep
