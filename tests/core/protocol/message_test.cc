#include "core/protocol/message.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/random.h"
#include "core/protocol/transport.h"

namespace seqsweep {
namespace {

const Ticket kTicket{"0123456789abcdef", 2, 7};

Message through_bytes(const Message& message) {
  return decode(encode(message));
}

Finished finished() {
  Finished message{.ticket = kTicket};
  message.result.metrics = {{3, "test", "ndcg@10", 0.25}, {3, "test", "hit@10", 1.0}};
  message.result.user_ranks = {0, 5, 1 << 30, -1};
  message.result.latency = {{0.5, {0.25F, 0.75F}}, {0.6, {}}};
  message.result.params = 123456789012;
  message.result.device = "cpu";
  message.result.users = 943, message.result.items = 1349, message.result.interactions = 99287;
  return message;
}

TEST(Message, ResultComesBackEqual) {
  const auto back = std::get<Finished>(through_bytes(finished()));
  EXPECT_EQ(back.ticket, kTicket);
  EXPECT_EQ(back.result.metrics.size(), 2U);
  EXPECT_EQ(back.result.metrics[0].name, "ndcg@10");
  EXPECT_EQ(back.result.metrics[1].value, 1.0);
  EXPECT_EQ(back.result.user_ranks, finished().result.user_ranks);
  ASSERT_EQ(back.result.latency.size(), 2U);
  EXPECT_EQ(back.result.latency[0].user_ms, (std::vector<float>{0.25F, 0.75F}));
  EXPECT_EQ(back.result.params, 123456789012);
  EXPECT_EQ(back.result.device, "cpu");
  EXPECT_EQ(back.result.users, 943);
  EXPECT_EQ(back.result.items, 1349);
  EXPECT_EQ(back.result.interactions, 99287);
}

TEST(Message, NotANumberSurvives) {
  Progress progress{.ticket = kTicket, .step = 4};
  progress.steps = {{.step = 4, .loss = 2.5, .h = std::numeric_limits<double>::quiet_NaN()}};
  const auto back = std::get<Progress>(through_bytes(progress));
  ASSERT_EQ(back.steps.size(), 1U);
  EXPECT_EQ(back.steps[0].loss, 2.5);
  EXPECT_TRUE(std::isnan(back.steps[0].h));
}

TEST(Message, EveryKindKeepsItsKind) {
  const Message all[] = {Hello{"host", 1, 2, "cuda:0 GPU", "{}", "GPU-1", 3, 4},
                         Progress{},
                         finished(),
                         Failed{kTicket, "nan", "loss"},
                         Interrupted{kTicket, 9},
                         Dispatch{kTicket, "{}", {1, 2}},
                         Committed{kTicket},
                         Cancel{kTicket},
                         Drain{},
                         Shutdown{}};
  for (const Message& message : all) EXPECT_EQ(through_bytes(message).index(), message.index());
}

TEST(Message, DamagedBytesThrowAndNeverCrash) {
  const std::vector<uint8_t> good = encode(finished());
  Rng rng(1);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> bad(good.begin(),
                             good.begin() + static_cast<long>(rng.below(good.size())));
    if (!bad.empty()) bad[rng.below(bad.size())] ^= static_cast<uint8_t>(1 + rng.below(255));
    try {
      decode(bad);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::World);
      ++refused;
    }
  }
  EXPECT_EQ(refused, 2000);  // A truncated message is never accepted.
}

TEST(Message, WhatIsNoMessageIsRefused) {
  const auto refused = [](const Json& json) {
    try {
      decode(Json::to_msgpack(json));
      return false;
    } catch (const Error& error) {
      return error.fault() == Fault::World;
    }
  };
  const Json ticket = {"0123456789abcdef", 2, 7};
  const size_t interrupted = Message(Interrupted{}).index();
  ASSERT_FALSE(refused({interrupted, {ticket, 9}}));
  EXPECT_TRUE(refused({interrupted, {ticket, 9.5}}));
  EXPECT_TRUE(refused({interrupted, {ticket, 1e300}})) << "it has no int64_t";
  EXPECT_TRUE(refused({interrupted, {ticket, UINT64_MAX}}));
  EXPECT_TRUE(refused({interrupted, {ticket, "9"}}));
  EXPECT_TRUE(refused({interrupted, {ticket}}));
  EXPECT_TRUE(refused({interrupted, {ticket, 9, 9}}));
  EXPECT_TRUE(refused({-1, {ticket, 9}}));
  EXPECT_TRUE(refused({99, {ticket, 9}}));
  EXPECT_TRUE(refused({interrupted, {ticket, 9}, 1}));
  EXPECT_TRUE(refused(Json::object()));
}

// A level costs a byte and a call of the reader.
TEST(Message, DeepNestingIsRefused) {
  EXPECT_THROW(decode(std::vector<uint8_t>(1'000'000, 0x91)), Error);
}

TEST(LocalTransport, DeliversInOrderAndTimesOut) {
  auto [coordinator, worker] = make_local_transport();
  EXPECT_FALSE(worker->receive(0));
  coordinator->send(1, Cancel{kTicket});
  coordinator->send(1, Drain{});
  EXPECT_TRUE(std::holds_alternative<Cancel>(worker->receive(10)->message));
  EXPECT_TRUE(std::holds_alternative<Drain>(worker->receive(10)->message));
  worker->send(0, Hello{});
  EXPECT_EQ(coordinator->receive(10)->peer, 1);
}

}  // namespace
}  // namespace seqsweep
